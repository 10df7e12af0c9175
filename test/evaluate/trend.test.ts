import assert from 'node:assert/strict';
import test from 'node:test';
import { compareStartAndEnd } from '../../lib/evaluate/trend.js';

test('start and end: means, standard errors and their difference, worked by hand', () => {
  const { start, end, difference, standardError } = compareStartAndEnd([1, 3, 100, 6, 10], 2);
  // s of (1, 3) is sqrt(2), so the error of the mean is sqrt(2) / sqrt(2) = 1; of (6, 10) it is sqrt(8) / sqrt(2) = 2.
  assert.deepEqual(start, { mean: 2, standardError: 1, count: 2 });
  assert.deepEqual(end, { mean: 8, standardError: 2, count: 2 });
  assert.equal(difference, 6);
  assert.ok(Math.abs(standardError - Math.sqrt(5)) < 1e-12);
});

test('start and end never overlap', () => {
  const { start, end } = compareStartAndEnd([0, 0, 0, 1, 1, 1], 10);
  assert.deepEqual([start.count, end.count], [3, 3]);
  assert.deepEqual([start.mean, end.mean], [0, 1]);
});

test('a curve without a spread at either end is refused', () => {
  assert.throws(() => compareStartAndEnd([1, 2, 3]), /four steps or more, got 3/);
});
