/** Makes a study's data of one task for the command line: it draws and curates rows, or converts the released dataset. */
import { hasData } from '../study/cells/run-cell.js';
import { curateTrainingRows } from '../study/data/curate-rows.js';
import { writeStudyData } from '../study/data/data-folder.js';
import { sampleTestRows, sampleTrainingRows } from '../study/data/draw-rows.js';
import { writeReleasedData } from '../study/data/released-data.js';
import { releasedDataset, type Study } from '../study/workspace.js';
import type { TaskName } from '../tasks/tasks.js';
import { showProgress } from './progress.js';
import { checkUsage } from './usage.js';

/**
 * Draws a task's rows, curates them and writes them. Data that is there already stays as it is.
 *
 * @returns the data's folder, and how many rows curation kept and dropped
 * @throws Error where the data that is there is not what this code draws
 */
export async function drawData(
  study: Study,
  task: TaskName,
): Promise<{ folder: string; kept: number; dropped: number }> {
  const tests = sampleTestRows(study, task);
  const { kept, dropped } = curateTrainingRows(study, sampleTrainingRows(study, task), tests);
  const progress = showProgress(`images of ${task}`);
  try {
    const folder = await writeStudyData(study, kept, tests, progress.update);
    return { folder, kept: kept.length, dropped: dropped.length };
  } finally {
    progress.stop();
  }
}

/**
 * Converts the released dataset, which `REASON_RFT_DATASET` names, into a task's data.
 *
 * @param options.skipBad leaves bad rows out, where otherwise one of them stops it
 * @throws UsageError where no dataset is named
 */
export function convertData(study: Study, task: TaskName, options: { skipBad?: boolean } = {}) {
  return writeReleasedData(study, task, checkUsage(releasedDataset), options);
}

/** Makes a task's data where a study needs it and it is not there yet. */
export async function makeData(study: Study, task: TaskName): Promise<void> {
  if (!study.profile.released) await drawData(study, task);
  else if (!hasData(study, task)) await convertData(study, task);
}
