/** Which rows a model of a study is validated on, and with which settings. */
import { readRecords } from '../../records/records.js';
import { TASKS, type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { recordsFile } from '../data/data-folder.js';
import { drawValidationRows, pretrainingScenes, questionFingerprintOf, sceneFingerprintOf } from '../data/draw-rows.js';
import type { LoadedRows } from '../data/load-rows.js';
import { longestCompletion } from '../profile.js';
import type { Study } from '../workspace.js';
import type { ValidationSettings } from './validation.js';

/** The settings that a task is validated with: 100 items, pass@4, the sampling of the profile; `changes` replace some of them. */
export function validationSettings(
  { profile }: Study,
  task: TaskName,
  changes: Partial<ValidationSettings> = {},
): ValidationSettings {
  const { temperature, topP, topK, minP } = profile.grpo;
  const usual = { evaluateEvery: 10, items: 100, samples: 4, maxNewTokens: longestCompletion(profile, task) };
  return { ...usual, temperature, topP, topK, minP, ...changes };
}

/**
 * Draws rows of a task in domain that share no scene and no question with any set of the study, nor a scene with pretraining: a
 * choice that they decide is not decided by the test sets. They are the same for every training seed.
 *
 * @throws Error when the rows of the study are released ones, which leave none to draw
 */
export function validationRows(study: Study, task: TaskName, count: number): LoadedRows {
  if (study.profile.released)
    throw new Error(`held-out rows are drawn, which released data have none of; validate ${task} without them`);
  const seen = pretrainingScenes(study);
  for (const set of ['train', ...testSetsOf(task)] as const) {
    for (const record of readRecords(recordsFile(study, set, task))) {
      seen.add(sceneFingerprintOf(record)).add(questionFingerprintOf(record));
    }
  }
  const records = drawValidationRows(task, count, seen);
  return { records, images: records.map((record) => TASKS[task].draw(record)) };
}
