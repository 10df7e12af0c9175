/** The rows that cells train on and are measured on, and digests of them as a model is shown them: text, pictures, answers. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Random } from '../../engine/random.js';
import { imageFile } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, readRecords } from '../../records/records.js';
import { type PromptStyle, writeTarget } from '../../tasks/prompts.js';
import { recordPrompt, TASKS, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { dataFolder, missingData, recordsFile } from '../data/data-folder.js';
import { shuffleLabels } from '../data/shuffled-labels.js';
import { spoilRows } from '../data/spoiled-rows.js';
import type { Study } from '../workspace.js';
import type { Cell } from './cell.js';
import type { Rows } from './examples.js';
import { readImages } from './train-cell.js';
import { validationRows } from './validation.js';

/**
 * The rows that a cell trains on, as it trains on them.
 *
 * @throws Error where the data holds fewer than it asks for
 */
export async function cellRows(study: Study, cell: Cell): Promise<Rows> {
  const records = cellRecords(study, cell);
  const [from, to] = cell.rows;
  if (records.length < to - from)
    throw new Error(`a cell asks for training rows ${from} to ${to}, but the data holds fewer`);
  return opened(study, cell.task, records);
}

/** The rows of a test set. */
export function testRows(study: Study, set: TestSet, task: TaskName): Promise<Rows> {
  return opened(study, task, openTable(study, set, task).records);
}

/** Records with their images; with the files of these where the data are released ones, which are too many to hold. */
async function opened(study: Study, task: TaskName, records: TaskRecord[]): Promise<Rows> {
  const folder = imageFolder(study, task);
  const files = records.map((record) => imageNames(record).map((name) => imageFile(folder, name)));
  return study.profile.released ? { records, files } : { records, images: await readImages(files) };
}

/** The records of a cell's rows, fewer where the data holds fewer. */
function cellRecords(study: Study, cell: Cell): TaskRecord[] {
  if (cell.kind === 'sft' && cell.ownWords && cell.spoiledShare !== undefined)
    throw new Error("a cell spoils an annotator's rationales or has the base model's own words, not both");
  const held = openTable(study, 'train', cell.task).records.slice(...cell.rows);
  if (cell.kind === 'grpo') return held;
  const rows = cell.ownWords ? held.map((row) => ({ ...row, cot: TASKS[cell.task].workOut(row) })) : held;
  const random = (name: string) => new Random(study.profile.seed, `${cell.task}/${name}`);
  const spoiled = cell.spoiledShare === undefined ? rows : spoilRows(rows, cell.spoiledShare, random('uncurated'));
  return cell.shuffledLabels ? shuffleLabels(spoiled, random('shuffled labels')) : spoiled;
}

/** The digest of what a cell trains on. */
export function trainingRowsDigest(study: Study, cell: Cell): string {
  const { rows, task } = cell;
  const target = cell.kind === 'sft' ? cell.target : undefined;
  const changed =
    cell.kind === 'sft' ? [cell.spoiledShare, cell.shuffledLabels, cell.ownWords, study.profile.seed] : [];
  return tableDigest(study, 'train', task, JSON.stringify(['train', rows, target, changed]), (table) =>
    rowsDigest(table, cellRecords(study, cell), (record) => [
      recordPrompt(record, target === 'answer' ? 'bare' : 'think'),
      target === 'cot' ? writeTarget(record.cot, record.answer) : record.answer,
    ]),
  );
}

/** The digest of a test set asked in a style. */
export function testRowsDigest(study: Study, set: TestSet, task: TaskName, style: PromptStyle): string {
  return tableDigest(study, set, task, JSON.stringify(['test', set, style]), (table) =>
    rowsDigest(table, table.records, (record) => [recordPrompt(record, style), record.answer, record.family]),
  );
}

/** The digest of rows that checkpoints are chosen by, which no set of the task holds. */
export function heldOutRowsDigest(study: Study, count: number, task: TaskName): string {
  const sets = ['train', ...testSetsOf(task)] as const;
  const files = sets.map((set) => openTable(study, set, task).key);
  return remembered(`${files} held out ${count}`, () => {
    const { records, images } = validationRows(study, count, task);
    const hash = createHash('sha256');
    records.forEach((record, i) => {
      hash.update(
        JSON.stringify([record.id, recordPrompt(record, 'think'), recordPrompt(record, 'bare'), record.answer]),
      );
      for (const { width, height, data } of images[i]!) hash.update(`${width} ${height}`).update(data);
    });
    return hash.digest('hex');
  });
}

/** A set's file, read once as long as it stays as it is. */
interface Table {
  /** The file, its time and size: a live kernel must notice that the data was drawn anew. */
  key: string;
  records: TaskRecord[];
  /** Digests of image files by their names. */
  pictures: Map<string, string>;
  /** Where these lie. */
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
  what: string,
  digest: (table: Table) => string,
): string {
  const table = openTable(study, set, task);
  return remembered(`${table.key} ${what}`, () => digest(table));
}

function remembered(key: string, digest: () => string): string {
  const known = digests.get(key) ?? digest();
  digests.set(key, known);
  return known;
}

/** Ids count, as draws are seeded by them. */
function rowsDigest(table: Table, records: readonly TaskRecord[], shown: (record: TaskRecord) => string[]): string {
  const hash = createHash('sha256');
  for (const record of records) {
    const pictures = imageNames(record).map((name) => {
      const known = table.pictures.get(name);
      if (known) return known;
      const digest = createHash('sha256')
        .update(readFileSync(imageFile(table.folder, name)))
        .digest('hex');
      table.pictures.set(name, digest);
      return digest;
    });
    hash.update(JSON.stringify([record.id, ...shown(record), ...pictures]));
  }
  return hash.digest('hex');
}
