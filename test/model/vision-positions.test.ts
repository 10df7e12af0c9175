/** Learned positions of patches, stretched over an image. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import type { VisionConfig } from '../../lib/model/architecture.js';
import { patchPositions, placeOnGrid } from '../../lib/model/vision-positions.js';

before(async () => {
  await startEngine();
});

test('the corners of an image lie on the corners of the grid, and what is between is spread evenly', () => {
  const grid: [number, number, number] = [1, 2, 5];
  // Two rows and five columns on a grid of 3 x 3: rows 0 and 2, columns 0, 0.5, 1, 1.5, 2.
  assert.deepEqual(placeOnGrid([0, 0], grid, 3), [0, 0]);
  assert.deepEqual(placeOnGrid([1, 4], grid, 3), [2, 2]);
  assert.deepEqual(placeOnGrid([1, 3], grid, 3), [2, 1.5]);
  // A single row lies on the first.
  assert.deepEqual(placeOnGrid([0, 2], [1, 1, 5], 3), [0, 1]);
});

test('a patch takes the positions around its place, each by its nearness, and gives them their gradients by the same shares', () => {
  // Positions of width 1 on a grid of 2 x 2: 1 and 2 above, 4 and 8 below.
  const config = { positionGrid: 2, embedSize: 1 } as VisionConfig;
  const table = tf.tensor2d([1, 2, 4, 8], [4, 1]);
  const places = tf.tensor3d([0.25, 0.5, 1, 1], [1, 2, 2]);
  const positions = (table: tf.Tensor) => patchPositions({ 'visual.pos_embed.weight': table }, places, config);
  // 0.75 x (0.5 x 1 + 0.5 x 2) + 0.25 x (0.5 x 4 + 0.5 x 8) = 1.125 + 1.5; the last corner is 8 itself.
  assert.deepEqual([...positions(table).dataSync()], [2.625, 8]);
  const gradient = tf.grad((table) => tf.sum(positions(table)))(table);
  assert.deepEqual([...gradient.dataSync()], [0.375, 0.375, 0.125, 0.125 + 1]);
});
