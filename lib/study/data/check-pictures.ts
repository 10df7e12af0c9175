/**
 * Decodes every picture of rows as a run would, so that one that cannot be read or shown is known before any work has begun. `validate`
 * and runs share it, and so agree.
 */

import { isAdapterFolder } from '../../model/adapter-config.js';
import { adapterBase } from '../../model/hub-cache.js';
import {
  type ImageProcessor,
  loadImageProcessor,
  type PixelBounds,
  processedGrid,
} from '../../model/image-processor.js';
import type { ImageGrid } from '../../model/tensors.js';
import type { RowFiles } from '../../records/open-rows.js';
import { PackedPicture, type PictureFile, readPicture } from '../../records/picture.js';
import type { DataRow } from '../../records/record.js';
import { problemList } from '../../records/row-problem.js';

/** Pictures that are decoded at once. More would only hold more originals in memory. */
export const PICTURES_AT_ONCE = 4;

/** A picture's size in pixels and the patches that a model cuts it into, or why the model cannot be shown it. */
export type CheckedPicture = { width: number; height: number; grid: ImageGrid } | { fault: string };

/** The folder of a checkpoint's tokenizer and processors: itself, or that of the base model of adapters. */
export function baseFolder(checkpoint: string): string {
  return isAdapterFolder(checkpoint) ? adapterBase(checkpoint) : checkpoint;
}

/** The image processor of a checkpoint. @param bounds take the place of the checkpoint's */
export function processorOf(checkpoint: string, bounds: PixelBounds = {}): ImageProcessor {
  return loadImageProcessor(baseFolder(checkpoint), bounds);
}

/** Decodes a picture and fits it to a model. */
export async function checkPicture(picture: PictureFile, processor: ImageProcessor): Promise<CheckedPicture> {
  try {
    const image = await readPicture(picture);
    try {
      return { width: image.width, height: image.height, grid: processedGrid(image, processor) };
    } catch (error) {
      const name = picture instanceof PackedPicture ? picture.name : picture;
      return { fault: `${name}: ${(error as Error).message}` };
    }
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

/**
 * Checks the pictures of rows, a few at a time.
 *
 * @param file the name of the rows' file, for messages
 * @param processor that of the model that will be shown them
 * @throws Error listing each row whose picture cannot be read or shown
 */
export async function checkPictures(
  { records, files }: RowFiles<DataRow>,
  file: string,
  processor: ImageProcessor,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const firstRow = new Map<PictureFile, string>();
  files.forEach((pictures, i) => {
    for (const picture of pictures) if (!firstRow.has(picture)) firstRow.set(picture, records[i]!.id);
  });
  const entries = [...firstRow];
  const problems: string[] = [];
  for (let first = 0; first < entries.length; first += PICTURES_AT_ONCE) {
    const batch = entries.slice(first, first + PICTURES_AT_ONCE);
    const checked = await Promise.all(batch.map(([picture]) => checkPicture(picture, processor)));
    checked.forEach((result, i) => {
      if ('fault' in result) problems.push(`${file}, row '${batch[i]![1]}', field 'image': ${result.fault}`);
    });
    onProgress?.(Math.min(first + PICTURES_AT_ONCE, entries.length), entries.length);
  }
  if (problems.length > 0) throw new Error(problemList(file, problems));
}
