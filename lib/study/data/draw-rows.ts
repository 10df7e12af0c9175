/** Draws a study's rows: raw training rows, test sets and validation rows, each from a random stream of its own. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { corruptRecords } from '../../data/curation.js';
import { checkBound } from '../../engine/bounds.js';
import { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { TASKS, type TaskName, type TestSet, type TestSetOf, taskNamed, testSetsOf } from '../../tasks/tasks.js';
import { checkDrawing, domainRows, type Profile, taskProfile } from '../profile.js';
import { baseFolders, type Study } from '../workspace.js';

/** The rows of a task's test sets. */
export type TestRows<T extends TaskName> = { readonly [set in TestSetOf<T>]: TaskRecord[] };
/** The same for any task. */
export type AnyTestRows = { readonly [set in TestSet]?: readonly TaskRecord[] };

/** Draws the raw training rows of a study: sound ones, a share of which is then spoiled. */
export function sampleTrainingRows(study: Study, task: TaskName): TaskRecord[] {
  const profile = taskProfile(study.profile, task);
  checkDrawing(profile);
  const { seed, trainRows, spoiledShare } = profile;
  const random = new Random(seed, `${task}/train`);
  // Curation drops the spoiled rows and some for balance; an eighth more than needed makes up for both.
  const count = Math.ceil(trainRows * (1.125 + spoiledShare));
  const rows = Array.from({ length: count }, (_, i) => TASKS[task].sample('id', rowId(task, 'train', i), random));
  return corruptRecords(rows, spoiledShare, new Random(seed, `${task}/spoil`));
}

/** Draws the test sets of a study. No scene and no question occurs twice, and no scene was shown in the pretraining of a base model. */
export function sampleTestRows<T extends TaskName>(study: Study, task: T): TestRows<T> {
  return drawTestRows(study.profile, task, pretrainingScenes(study));
}

/**
 * Draws the test sets of a profile.
 *
 * @param seen fingerprints of scenes and questions that must not occur; those of the rows drawn are added
 */
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

/** Draws validation rows, by which settings and checkpoints are chosen: in domain, from a random stream of their own. */
export function drawValidationRows(task: TaskName, count: number, seen: Set<string>): TaskRecord[] {
  const random = new Random(0, `${task}/validation`);
  return drawUnseen(count, seen, (i) => TASKS[task].sample('id', rowId(task, 'validation', i), random));
}

/** After so many draws in a row that were all seen before, there is nothing new to be found. */
const MOST_REPEATS = 10_000;

/**
 * Draws until there are `count` rows whose scene and question are not among those seen. Adds theirs to these.
 *
 * @throws Error when the scenes or questions of the task do not suffice
 */
function drawUnseen(count: number, seen: Set<string>, draw: (index: number) => TaskRecord): TaskRecord[] {
  checkBound('items', count);
  const rows: TaskRecord[] = [];
  let repeats = 0;
  while (rows.length < count) {
    const row = draw(rows.length);
    const fingerprints = [sceneFingerprintOf(row), questionFingerprintOf(row)];
    if (fingerprints.some((fingerprint) => seen.has(fingerprint))) {
      if (++repeats > MOST_REPEATS)
        throw new Error(
          `${row.task}: after ${rows.length} rows, ${MOST_REPEATS} draws in a row gave no new scene and question; ask for fewer rows`,
        );
      continue;
    }
    repeats = 0;
    for (const fingerprint of fingerprints) seen.add(fingerprint);
    rows.push(row);
  }
  return rows;
}

function rowId(task: TaskName, set: string, index: number): string {
  return `${task}-${set}-${String(index).padStart(6, '0')}`;
}

/** Reads the fingerprints of the scenes that the base models of a study were pretrained on. */
export function pretrainingScenes(study: Study): Set<string> {
  const scenesOf = (folder: string) => readFileSync(path.join(folder, 'pretraining-scenes.txt'), 'utf8').trim();
  return new Set(baseFolders(study).flatMap((folder) => scenesOf(folder).split('\n')));
}

/** The fingerprint of a row's scene. */
export function sceneFingerprintOf(record: TaskRecord): string {
  return taskNamed(record.task).sceneFingerprint(record);
}

/** The fingerprint of a row's question. */
export function questionFingerprintOf(record: TaskRecord): string {
  return taskNamed(record.task).questionFingerprint(record);
}
