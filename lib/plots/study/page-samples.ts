/** Samples for the results page: completions of each paradigm on the same test items, with the images of these. */

import path from 'node:path';
import sharp from 'sharp';
import { imageFile, type RgbImage, readImage } from '../../records/image.js';
import { imageNames, readRecords } from '../../records/records.js';
import { finishedCell, finishedEvaluation, hasData } from '../../study/cells/run-cell.js';
import { dataFolder, recordsFile } from '../../study/data/data-folder.js';
import { PARADIGM_PROMPTS, PARADIGMS, type Paradigm, paradigmCell } from '../../study/design/paradigms.js';
import type { Study } from '../../study/workspace.js';
import { TASK_NAMES, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';

/** The completion of one paradigm on an item. */
export interface SampleOutput {
  paradigm: Paradigm;
  completion: string;
  /** By the task's scorer, in [0, 1]. */
  score: number;
  /** Whether it came to its end within the token limit. */
  ended: boolean;
}

/** One test item with its completions. */
export interface PageSample {
  task: TaskName;
  testSet: TestSet;
  question: string;
  /** The gold answer. */
  answer: string;
  /** `data:` addresses of PNGs, in the order in which the model sees them. */
  images: string[];
  outputs: SampleOutput[];
}

/** The largest width of an image on the page, in pixels. The page holds its images in itself. */
const WIDEST = 320;

/**
 * Reads the first items of every test set of some tasks, with the completions of each evaluated paradigm of the first seed. Nobody
 * chooses the items. A set on which nothing is evaluated has none.
 */
export async function readSamples(
  study: Study,
  tasks: readonly TaskName[] = TASK_NAMES,
  items = 3,
): Promise<PageSample[]> {
  const samples: PageSample[] = [];
  for (const task of tasks) {
    for (const testSet of testSetsOf(task)) samples.push(...(await readSetSamples(study, task, testSet, items)));
  }
  return samples;
}

async function readSetSamples(study: Study, task: TaskName, testSet: TestSet, items: number): Promise<PageSample[]> {
  if (!hasData(study, task)) return [];
  const evaluations = PARADIGMS.flatMap((paradigm) => {
    const cell = paradigmCell(study, paradigm, task);
    if (cell.kind !== 'base' && !finishedCell(study, cell)) return [];
    const evaluation = finishedEvaluation(study, cell, testSet, PARADIGM_PROMPTS[paradigm]);
    return evaluation ? [{ paradigm, evaluation }] : [];
  });
  if (evaluations.length === 0) return [];
  const folder = path.join(dataFolder(study, task), 'images');
  return Promise.all(
    readRecords(recordsFile(study, testSet, task))
      .slice(0, items)
      .map(async (record, i) => ({
        ...{ task, testSet, question: record.problem, answer: record.answer },
        images: await Promise.all(
          imageNames(record).map(async (name) => pageImage(await readImage(imageFile(folder, name)))),
        ),
        outputs: evaluations.map(({ paradigm, evaluation }) => {
          const { completion, score, ended } = evaluation.items[i]!;
          return { paradigm, completion, score, ended };
        }),
      })),
  );
}

/** Writes an image as the `data:` address of a PNG, no wider than the page needs. */
async function pageImage({ width, height, data }: RgbImage): Promise<string> {
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: WIDEST, withoutEnlargement: true })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}
