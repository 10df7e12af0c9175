/** Trees of tensors, taken apart and put together. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { flattenTree, refillTree, treeNames } from '../../lib/engine/tensor-tree.js';

before(async () => {
  await startEngine();
});

const [a, b, c] = [1, 2, 3];
const scalar = (value: number) => tf.scalar(value);
const valuesOf = (tensors: tf.Tensor[]) => tensors.map((tensor) => tensor.dataSync()[0]);

test('tensors come in the order of sorted names, and absent members count for nothing', () => {
  const tree = { second: [scalar(b), scalar(c)], first: scalar(a), absent: undefined };
  assert.deepEqual(valuesOf(flattenTree(tree)), [a, b, c]);
});

test('a tree is filled with other tensors in the same order', () => {
  const tree = { second: [scalar(0), scalar(0)], first: scalar(0), absent: undefined };
  const filled = refillTree(tree, [scalar(5), scalar(6), scalar(7)]) as { first: tf.Tensor; second: tf.Tensor[] };
  assert.deepEqual(valuesOf([filled.first, ...filled.second]), [5, 6, 7]);
  assert.deepEqual(Object.keys(filled).sort(), ['first', 'second']);
});

test('the names of a tree tell trees of equal tensors apart', () => {
  assert.equal(treeNames({ b: scalar(0), a: [scalar(0), scalar(0)] }), '{a[,],b}');
  assert.notEqual(treeNames({ a: scalar(0) }), treeNames({ b: scalar(0) }));
});
