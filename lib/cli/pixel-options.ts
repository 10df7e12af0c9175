/** `--min-pixels` and `--max-pixels`: the area that images are resized to. */
import type { Command } from 'commander';
import type { PixelBounds } from '../model/image-processor.js';
import { parseWholeNumber, UsageError } from './usage.js';

export interface PixelOptions {
  minPixels?: string;
  maxPixels?: string;
}

/** Adds both options to a command. */
export function addPixelOptions(command: Command): Command {
  return command
    .option('--min-pixels <n>', 'images are resized to at least so many pixels (default: as the checkpoint says)')
    .option(
      '--max-pixels <n>',
      'images are resized to at most so many pixels, which bounds time and memory (default: as the checkpoint says)',
    );
}

/**
 * The bounds that the options ask for; one that is not asked for is absent.
 *
 * @throws UsageError where one is no whole number above 0, or the least is above the most
 */
export function pixelBounds({ minPixels, maxPixels }: PixelOptions): PixelBounds {
  const bounds: PixelBounds = {};
  if (minPixels !== undefined) bounds.minPixels = parseWholeNumber('--min-pixels', minPixels, 1);
  if (maxPixels !== undefined) bounds.maxPixels = parseWholeNumber('--max-pixels', maxPixels, 1);
  const { minPixels: least = 0, maxPixels: most = Number.POSITIVE_INFINITY } = bounds;
  if (least > most) throw new UsageError(`--min-pixels ${least} is more than --max-pixels ${most}`);
  return bounds;
}
