/** Curates a study's raw training rows: they are checked against the truth of their scenes and against the test sets. */
import { type Curation, curate } from '../../data/curation.js';
import type { TaskRecord } from '../../records/record.js';
import { taskNamed } from '../../tasks/tasks.js';
import { taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';
import { type AnyTestRows, questionFingerprintOf, sceneFingerprintOf } from './draw-rows.js';

/** The largest share of one answer among the rows of a question family. */
const LARGEST_SHARE = 0.4;

/**
 * Makes every check of `curate` on raw rows of one task, and keeps as many sound rows as the profile trains on.
 *
 * @throws Error when fewer are left
 */
export function curateTrainingRows(study: Study, raw: readonly TaskRecord[], tests: AnyTestRows): Curation {
  const task = taskNamed(raw[0]!.task);
  const { trainRows } = taskProfile(study.profile, task.name);
  const testRows = Object.values(tests).flat();
  const { kept, dropped } = curate(raw, {
    ...task,
    held: {
      scenes: new Set(testRows.map(sceneFingerprintOf)),
      questions: new Set(testRows.map(questionFingerprintOf)),
    },
    largestShare: LARGEST_SHARE,
  });
  if (kept.length < trainRows)
    throw new Error(`curation kept ${kept.length} rows, fewer than the ${trainRows} that the profile trains on`);
  return { kept: kept.slice(0, trainRows), dropped };
}
