import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packSamples } from '../../lib/train/packing.js';

test('samples of 5, 4, 3, 6, 2 tokens in rows of 9: first fit gives 5 + 4, 3 + 6, 2', () => {
  assert.deepEqual(packSamples([5, 4, 3, 6, 2], 9), [[0, 1], [2, 3], [4]]);
});

test('a sample longer than a row has one of its own', () => {
  assert.deepEqual(packSamples([12, 3, 4], 8), [[0], [1, 2]]);
});

test('with 0 every sample has its own row', () => {
  assert.deepEqual(packSamples([2, 3], 0), [[0], [1]]);
});
