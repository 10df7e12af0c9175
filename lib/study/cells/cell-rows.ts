/** The rows that cells train on and are measured on, and the digests of these rows as a model is shown them. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Random } from '../../engine/random.js';
import { imageFile } from '../../records/image.js';
import type { RowFiles } from '../../records/open-rows.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, readRecords } from '../../records/records.js';
import { type PromptStyle, writeTarget } from '../../tasks/prompts.js';
import { TASKS, type TaskName, type TestSet, taskNamed, testSetsOf } from '../../tasks/tasks.js';
import { dataFolder, missingData, recordsFile } from '../data/data-folder.js';
import { shuffleLabels } from '../data/shuffled-labels.js';
import { spoilRows } from '../data/spoiled-rows.js';
import type { Study } from '../workspace.js';
import { type Cell, cellStyle } from './cell.js';
import { readPictures } from './encode-rows.js';
import { type PreparedRow, prepareQuestions, prepareSftRows, type Rows } from './prepared-rows.js';
import type { SolvedRow } from './reading.js';
import { validationRows } from './validation-rows.js';

/**
 * Loads the rows that a cell trains on.
 *
 * @throws Error when the data holds fewer rows than the cell asks for
 */
export async function cellRows(study: Study, cell: Cell): Promise<Rows> {
  const records = cellRecords(study, cell);
  const [from, to] = cell.rows;
  if (records.length < to - from)
    throw new Error(`a cell asks for training rows ${from} to ${to}, but the data holds fewer`);
  return loadPictures(study, cell.task, records);
}

/** Loads the rows of a test set. */
export function testRows(study: Study, set: TestSet, task: TaskName): Promise<Rows> {
  return loadPictures(study, task, openTable(study, set, task).records);
}

/**
 * Loads training rows [from, to) with their right solutions, as the base model's own notation has them.
 *
 * @throws Error when the data holds fewer rows
 */
export async function solvedRows(
  study: Study,
  task: TaskName,
  [from, to]: readonly [number, number],
): Promise<SolvedRow[]> {
  const records = openTable(study, 'train', task).records.slice(from, to);
  if (records.length < to - from)
    throw new Error(`a reading asks for training rows ${from} to ${to} of ${task}, but the data holds fewer`);
  const questions = prepareQuestions(await loadPictures(study, task, records), 'think');
  return questions.map((question, i) => ({ question, solution: solutionOf(records[i]!) }));
}

function solutionOf(record: TaskRecord): string {
  return writeTarget(taskNamed(record.task).workOut(record), record.answer);
}

/** Loads the pictures of records. Those of released data are too many to hold: of these it gives the files. */
async function loadPictures(study: Study, task: TaskName, records: TaskRecord[]): Promise<Rows> {
  const rows = filesOf(imageFolder(study, task), records);
  return study.profile.released ? rows : { records, images: await readPictures(rows.files) };
}

/** Records with the files of their pictures. */
function filesOf(folder: string, records: TaskRecord[]): RowFiles {
  return { records, files: records.map((record) => imageNames(record).map((name) => imageFile(folder, name))) };
}

/** The records of a cell's rows, changed as the cell says; fewer when the data holds fewer. */
function cellRecords(study: Study, cell: Cell): TaskRecord[] {
  if (cell.kind === 'sft' && cell.ownWords && cell.spoiledShare !== undefined)
    throw new Error("a cell spoils an annotator's rationales or has the base model's own words, not both");
  const tableRows = openTable(study, 'train', cell.task).records.slice(...cell.rows);
  if (cell.kind === 'grpo') return tableRows;
  const rows = cell.ownWords ? tableRows.map((row) => ({ ...row, cot: TASKS[cell.task].workOut(row) })) : tableRows;
  const random = (name: string) => new Random(study.profile.seed, `${cell.task}/${name}`);
  const spoiled = cell.spoiledShare === undefined ? rows : spoilRows(rows, cell.spoiledShare, random('uncurated'));
  return cell.shuffledLabels ? shuffleLabels(spoiled, random('shuffled labels')) : spoiled;
}

/** The digest of the rows that a cell trains on. */
export function trainingRowsDigest(study: Study, cell: Cell): string {
  const { rows, task } = cell;
  const use = cell.kind === 'sft' ? cell.target : cell.style;
  const changes =
    cell.kind === 'sft' ? [cell.spoiledShare, cell.shuffledLabels, cell.ownWords, study.profile.seed] : [];
  return tableDigest(study, 'train', task, JSON.stringify(['train', cell.kind, rows, use, changes]), (table) => {
    const files = filesOf(table.folder, cellRecords(study, cell));
    if (cell.kind === 'sft')
      return rowsDigest(table, prepareSftRows(files, cell.target), ({ completion }) => [completion]);
    return rowsDigest(table, prepareQuestions(files, cellStyle(cell)), ({ solution }) => [solution]);
  });
}

/** The digest of a test set asked in a style. */
export function testRowsDigest(study: Study, set: TestSet, task: TaskName, style: PromptStyle): string {
  return tableDigest(study, set, task, JSON.stringify(['test', set, style]), (table) => {
    const rows = prepareQuestions(filesOf(table.folder, table.records), style);
    return rowsDigest(table, rows, ({ solution, family }) => [solution, family]);
  });
}

/** The digest of training rows with their right solutions. */
export function solvedRowsDigest(study: Study, task: TaskName, range: readonly [number, number]): string {
  return tableDigest(study, 'train', task, JSON.stringify(['solved', range]), (table) => {
    const records = table.records.slice(...range);
    const solutions = new Map(records.map((record) => [record.id, solutionOf(record)]));
    const rows = prepareQuestions(filesOf(table.folder, records), 'think');
    return rowsDigest(table, rows, ({ id }) => [solutions.get(id)!]);
  });
}

/** The digest of held-out rows asked in a style; no set of the task holds these rows. */
export function heldOutRowsDigest(study: Study, task: TaskName, count: number, style: PromptStyle): string {
  const sets = ['train', ...testSetsOf(task)] as const;
  const keys = sets.map((set) => openTable(study, set, task).key);
  return rememberDigest(`${keys} held out ${count} ${style}`, () => {
    const loaded = validationRows(study, task, count);
    const hash = createHash('sha256');
    prepareQuestions(loaded, style).forEach(({ id, prompt, solution, family }, i) => {
      hash.update(JSON.stringify([id, prompt, solution, family]));
      for (const { width, height, data } of loaded.images[i]!) hash.update(`${width} ${height}`).update(data);
    });
    return hash.digest('hex');
  });
}

/** The file of a set. It is read once as long as it does not change. */
interface Table {
  /** The file's name, time and size: a live kernel must notice that the data was drawn anew. */
  key: string;
  records: TaskRecord[];
  /** The digest of each picture's file that was read, by its path. */
  pictures: Map<string, string>;
  /** The folder of the pictures. */
  folder: string;
}

const tables = new Map<string, Table>();
const digests = new Map<string, string>();

function openTable(study: Study, set: 'train' | TestSet, task: TaskName): Table {
  const file = recordsFile(study, set, task);
  if (!existsSync(file)) throw missingData(file, task);
  const { mtimeMs, size } = statSync(file);
  const key = `${file} ${mtimeMs} ${size}`;
  let table = tables.get(file);
  if (table?.key !== key) {
    table = { key, records: readRecords(file), pictures: new Map(), folder: imageFolder(study, task) };
    tables.set(file, table);
  }
  return table;
}

function imageFolder(study: Study, task: TaskName): string {
  return path.join(dataFolder(study, task), 'images');
}

function tableDigest(
  study: Study,
  set: 'train' | TestSet,
  task: TaskName,
  use: string,
  digest: (table: Table) => string,
): string {
  const table = openTable(study, set, task);
  return rememberDigest(`${table.key} ${use}`, () => digest(table));
}

function rememberDigest(key: string, digest: () => string): string {
  const known = digests.get(key) ?? digest();
  digests.set(key, known);
  return known;
}

/** The digest of rows whose pictures lie in files. Ids count, as draws are seeded by them. */
function rowsDigest<Row extends PreparedRow>(
  table: Table,
  rows: readonly Row[],
  texts: (row: Row) => string[],
): string {
  const hash = createHash('sha256');
  for (const row of rows) {
    const pictures = (row.pictures as readonly string[]).map((file) => pictureDigest(table, file));
    hash.update(JSON.stringify([row.id, row.prompt, ...texts(row), ...pictures]));
  }
  return hash.digest('hex');
}

function pictureDigest({ pictures }: Table, file: string): string {
  const known = pictures.get(file) ?? createHash('sha256').update(readFileSync(file)).digest('hex');
  pictures.set(file, known);
  return known;
}
