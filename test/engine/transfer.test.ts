/** Tensors to and from the host in pieces. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { downloadTensor, rowsPerPiece, uploadTensor } from '../../lib/engine/transfer.js';

before(async () => {
  await startEngine();
});

const numbers = (from: number, count: number) => Float32Array.from({ length: count }, (_, i) => from + i);

test('a tensor is filled from pieces that share one buffer', () => {
  function* pieces() {
    const buffer = new Float32Array(4);
    for (const [from, count] of [
      [0, 4],
      [4, 2],
    ] as const) {
      buffer.set(numbers(from, count));
      yield buffer.subarray(0, count);
    }
    buffer.fill(-1);
  }
  const before = tf.memory().numTensors;
  const tensor = uploadTensor([3, 2], pieces());
  assert.equal(tf.memory().numTensors, before + 1);
  assert.deepEqual(tensor.shape, [3, 2]);
  assert.deepEqual([...tensor.dataSync()], [0, 1, 2, 3, 4, 5]);
  // It is an ordinary tensor: rows of 0 + 1, 2 + 3, 4 + 5.
  assert.deepEqual([...tf.sum(tensor, 1).dataSync()], [1, 5, 9]);
  tensor.dispose();
});

test('scalars, vectors, tensors of five axes and empty ones', () => {
  for (const shape of [[], [5], [2, 1, 2, 1, 3], [0, 3]]) {
    const count = shape.reduce((a, b) => a * b, 1);
    const tensor = uploadTensor(shape, [numbers(1, count)]);
    assert.deepEqual(tensor.shape, shape);
    assert.deepEqual([...tensor.dataSync()], [...numbers(1, count)]);
    tensor.dispose();
  }
});

test('too few or too many numbers are refused', () => {
  const before = tf.memory().numTensors;
  assert.throws(() => uploadTensor([3, 2], [numbers(0, 4)]), /4 numbers do not fill a tensor of shape \[3,2\]/);
  assert.throws(() => uploadTensor([3, 2], [numbers(0, 8)]), /shape \[3,2\] has no place for 8 numbers/);
  assert.equal(tf.memory().numTensors, before);
});

test('a large tensor comes down in pieces of whole rows', () => {
  // Pieces have at most 2^18 numbers: 349 rows of 750, and then the other 151.
  assert.equal(rowsPerPiece([500, 750]), 349);
  const tensor = tf.reshape(tf.range(0, 500 * 750), [500, 750]);
  const pieces = [...downloadTensor(tensor)];
  assert.deepEqual(
    pieces.map((piece) => piece.length),
    [349 * 750, 151 * 750],
  );
  assert.equal(pieces[1]![0], 349 * 750);
  const [whole] = [...downloadTensor(tf.scalar(7))];
  assert.deepEqual([...whole!], [7]);
});
