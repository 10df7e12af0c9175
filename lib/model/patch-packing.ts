/**
 * Lays the patches of a batch's images out in rows as long as its largest image. Images that are small beside it share a row, so that a
 * batch takes memory by the patches it has, and not by the largest image times their number.
 */
import * as tf from '@tensorflow/tfjs';
import type { VisionConfig } from './architecture.js';
import { FORBIDDEN } from './attention.js';
import type { ImageBatch, ImageGrid, ProcessedImage } from './tensors.js';
import { placeOnGrid } from './vision-positions.js';
import { PADDING_WINDOW } from './window-attention.js';

/** Row and column of each patch of an image, in merge-window order: windows row by row, then the patches inside one. */
export function patchPlaces([frames, height, width]: ImageGrid, mergeSize: number): [number, number][] {
  const places: [number, number][] = [];
  for (let frame = 0; frame < frames; frame++) {
    for (let row = 0; row < height; row += mergeSize) {
      for (let column = 0; column < width; column += mergeSize) {
        for (let i = 0; i < mergeSize; i++) for (let j = 0; j < mergeSize; j++) places.push([row + i, column + j]);
      }
    }
  }
  return places;
}

/** The place of each image in the rows. */
export interface PatchLayout {
  /** Patches in a row: those of the largest image. */
  width: number;
  rows: number;
  /** For each image the number of its first patch, counted over all rows. */
  starts: number[];
  /** True where some row holds more than one image. */
  shares: boolean;
}

/** Puts each image into the first row that has room for it. Images that fit nowhere together keep a row each, in their order. */
export function layOutPatches(counts: readonly number[]): PatchLayout {
  const width = Math.max(0, ...counts);
  const filled: number[] = [];
  const starts = counts.map((count) => {
    const fitting = filled.findIndex((used) => used + count <= width);
    const row = fitting < 0 ? filled.push(0) - 1 : fitting;
    const start = row * width + filled[row]!;
    filled[row]! += count;
    return start;
  });
  return { width, rows: filled.length, starts, shares: filled.length < counts.length };
}

/** The number of patches of an image. */
export function patchCount({ grid: [frames, height, width] }: ProcessedImage): number {
  return frames * height * width;
}

/** The images in tensors. */
export function imageTensors(
  images: readonly ProcessedImage[],
  { width, rows, starts, shares }: PatchLayout,
  config: VisionConfig,
): ImageBatch {
  const { channels, temporalPatchSize, patchSize, mergeSize, positionGrid } = config;
  const numbers = channels * temporalPatchSize * patchSize ** 2;
  const pixels = new Float32Array(rows * width * numbers);
  const places = new Int32Array(rows * width * 2);
  const padding = new Float32Array(rows * width).fill(FORBIDDEN);
  const owners = new Int32Array(rows * width).fill(-1);
  const gridPlaces = positionGrid === undefined ? undefined : new Float32Array(rows * width * 2);
  images.forEach((image, i) => {
    const start = starts[i]!;
    pixels.set(image.pixelValues, start * numbers);
    patchPlaces(image.grid, mergeSize).forEach((place, p) => {
      places.set(place, (start + p) * 2);
      gridPlaces?.set(placeOnGrid(place, image.grid, positionGrid!), (start + p) * 2);
    });
    padding.fill(0, start, start + patchCount(image));
    owners.fill(i, start, start + patchCount(image));
  });
  return {
    pixels: tf.tensor3d(pixels, [rows, width, numbers]),
    places: tf.tensor3d(places, [rows, width, 2], 'int32'),
    padding: tf.tensor2d(padding, [rows, width]),
    ...(gridPlaces ? { gridPlaces: tf.tensor3d(gridPlaces, [rows, width, 2]) } : {}),
    ...(shares ? { owners: tf.tensor2d(owners, [rows, width], 'int32') } : {}),
    ...(config.windows ? { windows: windowTensor(images, rows, width, starts, config.windows.side, mergeSize) } : {}),
  };
}

/**
 * The number of each patch's window. The windows of an image are numbered row by row, and those of the images in a row go on
 * counting, so that no two images share a number.
 */
function windowTensor(
  images: readonly ProcessedImage[],
  rows: number,
  width: number,
  starts: readonly number[],
  side: number,
  mergeSize: number,
): tf.Tensor2D {
  const windows = new Float32Array(rows * width).fill(PADDING_WINDOW);
  const counted = Array<number>(rows).fill(0);
  images.forEach((image, i) => {
    const start = starts[i]!;
    const row = Math.floor(start / width);
    const first = counted[row]!;
    const [, height, across] = image.grid.map((patches) => Math.ceil(patches / side)) as ImageGrid;
    patchPlaces(image.grid, mergeSize).forEach(([y, x], p) => {
      windows[start + p] = first + Math.floor(y / side) * across + Math.floor(x / side);
    });
    counted[row] = first + height * across;
  });
  return tf.tensor2d(windows, [rows, width]);
}
