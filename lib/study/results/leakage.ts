/** Counts the scenes and questions that sets share, so that nobody has to assume that tests and training lie apart. */
import path from 'node:path';
import { fileDigest } from '../../engine/file-digest.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, readRecords } from '../../records/records.js';
import { type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { recordsFile } from '../data/data-folder.js';
import { pretrainingScenes, questionFingerprintOf, sceneFingerprintOf } from '../data/draw-rows.js';
import { studyGrid } from '../design/study-grid.js';
import type { Study } from '../workspace.js';
import type { LeakageResult } from './results.js';

/** The number of scenes that two sets share. */
export interface SharedScenes {
  first: string;
  second: string;
  shared: number;
}

/**
 * Counts the scenes that each pair of sets shares.
 *
 * @param sets fingerprints of scenes, by the set's name
 */
export function sharedScenes(sets: Readonly<Record<string, Iterable<string>>>): SharedScenes[] {
  const entries = Object.entries(sets).map(([name, scenes]) => [name, new Set(scenes)] as const);
  return entries.flatMap(([first, scenes], i) =>
    entries.slice(i + 1).map(([second, others]) => ({
      first,
      second,
      shared: [...scenes].filter((scene) => others.has(scene)).length,
    })),
  );
}

/**
 * Refuses sets that leak.
 *
 * @param tests the names of the test sets
 * @throws Error where a test set shares a scene with any other set, naming the pairs
 */
export function refuseLeakage(shared: readonly SharedScenes[], tests: readonly string[]): void {
  const leaks = shared.filter((pair) => pair.shared > 0 && (tests.includes(pair.first) || tests.includes(pair.second)));
  if (leaks.length === 0) return;
  const pairs = leaks.map(({ first, second, shared }) => `${first} and ${second} share ${shared}`);
  throw new Error(`scenes of a test set occur elsewhere: ${pairs.join('; ')}`);
}

/**
 * Counts the items of a task's test sets whose scene or question occurs in a row that any cell of the study trains on, and those whose scene
 * occurs in the pretraining of one of its base models.
 */
export function studyLeakage(study: Study, task: TaskName): LeakageResult {
  const records = readRecords(recordsFile(study, 'train', task));
  const trained = new Set<number>();
  for (const { cell } of studyGrid(study)) {
    if (cell.task !== task || cell.kind === 'base') continue;
    for (let row = cell.rows[0]; row < Math.min(cell.rows[1], records.length); row++) trained.add(row);
  }
  const tests = testSetsOf(task).flatMap((set) => readRecords(recordsFile(study, set, task)));
  const images = path.join(path.dirname(recordsFile(study, 'train', task)), 'images');
  const rows = [...trained].map((row) => contentOf(records[row]!, images));
  const [scenes, questions] = [new Set(rows.map(({ scene }) => scene)), new Set(rows.map(({ question }) => question))];
  const items = tests.map((record) => contentOf(record, images));
  const seen = study.profile.released ? undefined : pretrainingScenes(study);
  return {
    task,
    testItems: items.length,
    trainingRows: trained.size,
    sharedScenes: items.filter(({ scene }) => scenes.has(scene)).length,
    sharedQuestions: items.filter(({ question }) => questions.has(question)).length,
    ...(seen ? { pretrainedScenes: items.filter(({ scene }) => seen.has(scene)).length } : {}),
  };
}

/** The scene and the question of a row. A row of a released dataset has no scene; the bytes of its images stand for it. */
function contentOf(record: TaskRecord, images: string): { scene: string; question: string } {
  if (record.scene !== null) return { scene: sceneFingerprintOf(record), question: questionFingerprintOf(record) };
  const scene = imageNames(record)
    .map((name) => fileDigest(path.join(images, name)))
    .join(' ');
  return { scene, question: `${scene}: ${record.problem}` };
}
