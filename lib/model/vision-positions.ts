/**
 * Learned positions of an image's patches, which Qwen3-VL's tower adds to the embedded patches. They are learned for the places of
 * one square grid. The grid is stretched over each image, corner on corner, and a patch takes the positions around its place on it,
 * bilinearly (Qwen3-VL Technical Report, section 2; `F.interpolate` with `align_corners`).
 */
import * as tf from '@tensorflow/tfjs';
import { takeRows } from '../engine/operations.js';
import type { VisionConfig } from './architecture.js';
import { positionTable, weightOf } from './modules.js';
import type { ImageGrid, ModelWeights } from './tensors.js';

/** Where a patch lies on the learned grid of `side` x `side`: its row and column there, from 0 to side - 1, not rounded. */
export function placeOnGrid(
  [row, column]: readonly [number, number],
  [, height, width]: ImageGrid,
  side: number,
): [number, number] {
  const stretch = (place: number, size: number) => (place * (side - 1)) / Math.max(size - 1, 1);
  return [stretch(row, height), stretch(column, width)];
}

/**
 * The positions of patches, from their places on the learned grid.
 *
 * @param places rows and columns, see `placeOnGrid`, `[images, patches, 2]`
 * @returns `[images x patches, embed]`
 */
export function patchPositions(parameters: ModelWeights, places: tf.Tensor3D, config: VisionConfig): tf.Tensor2D {
  const side = config.positionGrid!;
  const table = weightOf(parameters, positionTable(config)!);
  const [rows, columns] = tf.unstack(tf.reshape(places, [-1, 2]), 1).map((place) => neighbours(place, side)) as [
    Neighbour[],
    Neighbour[],
  ];
  const corners = rows.flatMap((row) =>
    columns.map((column) => {
      const place = tf.cast(tf.add(tf.mul(row.place, side), column.place), 'int32');
      // While a step is recorded the floats may hold any numbers (see `compile`), and the index must still lie on the grid.
      const index = tf.minimum(
        tf.maximum(place, tf.scalar(0, 'int32')),
        tf.scalar(side ** 2 - 1, 'int32'),
      ) as tf.Tensor1D;
      return tf.mul(takeRows(table, index), tf.expandDims(tf.mul(row.share, column.share), 1));
    }),
  );
  return tf.addN(corners) as tf.Tensor2D;
}

/** A whole place on an axis of the grid, and how much of its position a patch takes, each `[images x patches]`. */
interface Neighbour {
  place: tf.Tensor;
  share: tf.Tensor;
}

/** The two whole places around each place on an axis. */
function neighbours(places: tf.Tensor, side: number): Neighbour[] {
  const below = tf.floor(places);
  const above = tf.sub(places, below);
  return [
    { place: below, share: tf.sub(1, above) },
    // At the far edge the share is 0, and any place will do.
    { place: tf.minimum(tf.add(below, 1), side - 1), share: above },
  ];
}
