/** The data of a study, task by task: sampled, spoiled here and there, curated, split and written with its test sets. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toAnswerSft, toCotSft, toRl } from '../../data/convert.js';
import { type Curation, corruptRecords, curate } from '../../data/curation.js';
import { writeRlParquet } from '../../data/parquet.js';
import { splitStages } from '../../data/split.js';
import { Random } from '../../engine/random.js';
import { encodePng, imageFile, type RgbImage, readImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, readRecords, writeRecords } from '../../records/records.js';
import { TASKS, type TaskName, type TestSet, type TestSetOf, taskNamed, testSetsOf } from '../../tasks/tasks.js';
import { domainRows, type Profile } from '../profile.js';
import type { Study } from '../workspace.js';

/** The rows of a task's test sets. */
export type TestRows<T extends TaskName> = { readonly [set in TestSetOf<T>]: TaskRecord[] };
/** The same, of whatever task. */
export type AnyTestRows = { readonly [set in TestSet]?: readonly TaskRecord[] };

/** Draws the raw training rows of a study: sound ones, a share of which is then spoiled. */
export function sampleTrainingRows(study: Study, task: TaskName): TaskRecord[] {
  const { seed, trainRows, spoiledShare } = study.profile;
  const random = new Random(seed, `${task}/train`);
  // Curation drops the spoiled rows and some for balance; an eighth more than needed makes up for both.
  const count = Math.ceil(trainRows * (1.125 + spoiledShare));
  const rows = Array.from({ length: count }, (_, i) => TASKS[task].sample('id', rowId(task, 'train', i), random));
  return corruptRecords(rows, spoiledShare, new Random(seed, `${task}/spoil`));
}

/** Draws the test sets of a study: no scene and no question twice, nor any scene that pretraining has seen. */
export function sampleTestRows<T extends TaskName>(study: Study, task: T): TestRows<T> {
  return drawTestRows(study.profile, task, pretrainingScenes(study));
}

/** Draws the test sets of a profile. @param seen fingerprints of what must not be in them; those drawn are added */
export function drawTestRows<T extends TaskName>(profile: Profile, task: T, seen: Set<string>): TestRows<T> {
  const { sample } = TASKS[task];
  const draw = ([domain, rows]: [string, number]): TaskRecord[] => {
    // The seed of the test sets is fixed, so that every training seed is measured on the same items.
    const random = new Random(0, `${task}/test/${domain}`);
    return drawUnseen(rows, seen, (i) => sample(domain, rowId(task, domain, i), random));
  };
  const sets = testSetsOf(task).map((set) => [set, Object.entries(domainRows(profile, task, set)).flatMap(draw)]);
  return Object.fromEntries(sets) as TestRows<T>;
}

/** Draws rows of a task in domain by which settings and checkpoints are chosen: a stream of their own. */
export function drawValidationRows(task: TaskName, count: number, seen: Set<string>): TaskRecord[] {
  const random = new Random(0, `${task}/validation`);
  return drawUnseen(count, seen, (i) => TASKS[task].sample('id', rowId(task, 'validation', i), random));
}

/** Draws until so many rows are found whose scene and question were not seen before; adds them to what is seen. */
function drawUnseen(count: number, seen: Set<string>, draw: (index: number) => TaskRecord): TaskRecord[] {
  const rows: TaskRecord[] = [];
  while (rows.length < count) {
    const row = draw(rows.length);
    const names = [fingerprintOf(row), questionOf(row)];
    if (names.some((name) => seen.has(name))) continue;
    for (const name of names) seen.add(name);
    rows.push(row);
  }
  return rows;
}

function rowId(task: TaskName, set: string, index: number): string {
  return `${task}-${set}-${String(index).padStart(6, '0')}`;
}

/** The fingerprints of the scenes that the base model was pretrained on. */
export function pretrainingScenes(study: Study): Set<string> {
  return new Set(readFileSync(path.join(study.base, 'pretraining-scenes.txt'), 'utf8').trim().split('\n'));
}

/** The fingerprint of a row's scene. */
export function fingerprintOf(record: TaskRecord): string {
  return taskNamed(record.task).sceneFingerprint(record);
}

/** The fingerprint of what a row asks. */
export function questionOf(record: TaskRecord): string {
  return taskNamed(record.task).questionFingerprint(record);
}

/** All rows of a task's test sets. */
function allRows(tests: AnyTestRows): TaskRecord[] {
  return Object.values(tests).flat();
}

/**
 * Curates raw rows of one task: every check of `curate`, with the task's own reverse check and truth, against the test sets
 * given. Rows beyond the profile's number are left out.
 */
export function curateTrainingRows(study: Study, raw: readonly TaskRecord[], tests: AnyTestRows): Curation {
  const rows = allRows(tests);
  const { kept, dropped } = curate(raw, {
    ...taskNamed(raw[0]!.task),
    held: { scenes: new Set(rows.map(fingerprintOf)), questions: new Set(rows.map(questionOf)) },
    largestShare: 0.4,
  });
  if (kept.length < study.profile.trainRows) {
    throw new Error(
      `curation kept ${kept.length} rows, fewer than the ${study.profile.trainRows} that the profile trains on`,
    );
  }
  return { kept: kept.slice(0, study.profile.trainRows), dropped };
}

/** The folder of a task's data. */
export function dataFolder(study: Study, task: TaskName): string {
  return path.join(study.folder, 'data', task);
}

/** The file of a set's records. */
export function recordsFile(study: Study, set: 'train' | TestSet, task: TaskName): string {
  return path.join(dataFolder(study, task), set === 'train' ? 'train.jsonl' : `test-${set}.jsonl`);
}

/**
 * Writes one task's records, their images and the converted forms. The folder appears whole or not at all; one that is there already
 * stays as it is.
 *
 * @param onImage called now and then with the number of rows whose images are written
 */
export async function writeStudyData(
  study: Study,
  train: readonly TaskRecord[],
  tests: AnyTestRows,
  onImage?: (done: number, total: number) => void,
): Promise<string> {
  const task = taskNamed(train[0]!.task);
  const folder = dataFolder(study, task.name);
  const rows = [...train, ...allRows(tests)];
  const digest = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  if (existsSync(folder)) {
    const source = path.join(folder, 'source.json');
    const held = existsSync(source)
      ? (JSON.parse(readFileSync(source, 'utf8')) as { records: string }).records
      : undefined;
    if (held === digest) return folder;
    throw new Error(
      `${folder} holds data of another seed, profile or version of the task; remove it to write the new data`,
    );
  }
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(path.join(partial, 'images'), { recursive: true });
  try {
    for (const [i, row] of rows.entries()) {
      const names = imageNames(row);
      for (const [n, image] of task.draw(row).entries()) {
        writeFileSync(path.join(partial, 'images', names[n]!), await encodePng(image));
      }
      if ((i + 1) % 100 === 0 || i + 1 === rows.length) onImage?.(i + 1, rows.length);
    }
    const { stageOne, stageTwo } = splitStages(train, study.profile.stageOneRows);
    writeRecords(path.join(partial, 'train.jsonl'), train);
    for (const [set, rows] of Object.entries(tests)) writeRecords(path.join(partial, `test-${set}.jsonl`), rows);
    writeRecords(path.join(partial, 'ans-sft.jsonl'), train.map(toAnswerSft));
    writeRecords(path.join(partial, 'cot-sft.jsonl'), train.map(toCotSft));
    writeRecords(path.join(partial, 'stage-one.jsonl'), stageOne.map(toCotSft));
    writeRecords(path.join(partial, 'stage-two.jsonl'), stageTwo.map(toRl));
    writeFileSync(path.join(partial, 'source.json'), `${JSON.stringify({ records: digest })}\n`);
    await writeRlParquet(path.join(partial, 'stage-two.parquet'), stageTwo.map(toRl));
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** Rows with their images, as training and evaluation use them. */
export interface LoadedRows {
  records: TaskRecord[];
  images: RgbImage[][];
}

/**
 * Loads a set that `01-data-curation` wrote.
 *
 * @throws Error when the data is not there yet, naming what makes it
 */
export async function loadRows(study: Study, set: 'train' | TestSet, task: TaskName): Promise<LoadedRows> {
  const file = recordsFile(study, set, task);
  if (!existsSync(file)) throw missingData(file, task);
  return loadRecords(file);
}

/** Loads a file of records with their images, which lie in `images/` beside it unless it is said where. */
export async function loadRecords(file: string, folder = path.join(path.dirname(file), 'images')): Promise<LoadedRows> {
  const records = readRecords(file, folder);
  const images = await Promise.all(
    records.map((record) => Promise.all(imageNames(record).map((name) => readImage(imageFile(folder, name))))),
  );
  return { records, images };
}

/** What to do where a task's data was not made yet. */
export function missingData(file: string, task: TaskName): Error {
  return new Error(`${file} does not exist yet: run 'npx reason-rft curate --task ${task}' first`);
}
