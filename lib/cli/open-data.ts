/** The rows and the start of a run or an evaluation: what `--data`, `--images`, `--task` and `--model` name. */
import type { ImageProcessor } from '../model/image-processor.js';
import { loadTokenizer } from '../model/tokenizer.js';
import { type RowFiles, readRows } from '../records/open-rows.js';
import type { DataRow } from '../records/record.js';
import { baseFolder, checkPictures, processorOf } from '../study/data/check-pictures.js';
import { splitWordsText, WordCounter } from '../study/data/split-words.js';
import type { Task } from '../tasks/task.js';
import { fetchModel } from './model-option.js';
import { type PixelOptions, pixelBounds } from './pixel-options.js';
import { showProgress } from './progress.js';
import { taskOfRows } from './task-option.js';
import { checkUsage } from './usage.js';

interface DataOptions extends PixelOptions {
  data: string;
  images?: string;
  task?: string;
  model?: string;
}

/** Rows, their task, and the checkpoint that is shown them. */
export interface OpenedData {
  rows: RowFiles<DataRow>;
  task: Task;
  /** The folder of the checkpoint. */
  checkpoint: string;
  /** Its image processor, with the bounds that the options set. */
  processor: ImageProcessor;
}

/**
 * Reads the rows, fetches the model, and checks every picture.
 *
 * @throws Error listing the bad rows, or the pictures that cannot be read or shown
 */
export async function openData(options: DataOptions): Promise<OpenedData> {
  const bounds = pixelBounds(options);
  const rows = await readRows({ file: options.data, images: options.images });
  const task = taskOfRows(options.data, rows.records, options.task);
  const checkpoint = await fetchModel(options.model);
  const processor = checkUsage(() => processorOf(checkpoint, bounds));
  await checkPicturesOf(rows, options.data, processor);
  warnOfSplitAnswers(rows.records, options.data, checkpoint);
  return { rows, task, checkpoint, processor };
}

/** A larger share of rows whose answer holds a word that the vocabulary splits is warned of. */
const MOST_SPLIT = 0.05;

/** Warns where the model would have to spell many answers: it hardly learns to. */
export function warnOfSplitAnswers(rows: readonly DataRow[], file: string, checkpoint: string): void {
  const words = new WordCounter(loadTokenizer(baseFolder(checkpoint)));
  const share = rows.filter(({ answer }) => words.add(answer)).length / rows.length;
  if (share <= MOST_SPLIT) return;
  process.stderr.write(
    `warning: the answers of ${(100 * share).toFixed(1)} % of the rows hold words that this model's vocabulary splits: ` +
      `${splitWordsText(words.splitWords())}; it hardly learns to write them, unless it has seen them in its pretraining ` +
      `(npx reason-rft validate --data ${file} says more)\n`,
  );
}

/** Checks every picture of rows and shows how far it is. */
export async function checkPicturesOf(rows: RowFiles<DataRow>, file: string, processor: ImageProcessor): Promise<void> {
  const progress = showProgress(`pictures of ${file}`);
  try {
    await checkPictures(rows, file, processor, (done, total) => {
      // A small file is checked in a moment.
      if (total > SHOWN_FROM) progress.update(done, total);
    });
  } finally {
    progress.stop();
  }
}

/** The number of pictures from which progress is shown. */
const SHOWN_FROM = 1000;
