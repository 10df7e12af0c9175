import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanPassAtK, passAtK } from '../../lib/evaluate/pass-at-k.js';

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} against ${expected}`);

test('hand-worked values', () => {
  near(passAtK(4, 1, 2), 1 - 3 / 6);
  // 1 - C(7, 3) / C(10, 3) = 1 - 35 / 120
  near(passAtK(10, 3, 3), 1 - 35 / 120);
  near(passAtK(10, 3, 1), 0.3);
  assert.equal(passAtK(10, 0, 5), 0);
  assert.equal(passAtK(10, 10, 1), 1);
  // Eight of ten right: any three samples hold a right one.
  assert.equal(passAtK(10, 8, 3), 1);
  near(passAtK(200, 1, 100), 0.5);
});

test('it is the mean over all subsets of k samples', () => {
  const right = [true, false, false, true, false];
  let [hits, subsets] = [0, 0];
  for (let i = 0; i < 5; i++) {
    for (let j = i + 1; j < 5; j++) {
      subsets++;
      if (right[i] || right[j]) hits++;
    }
  }
  near(meanPassAtK([right], 2), hits / subsets);
  near(meanPassAtK([right, [false, false]], 2), hits / subsets / 2);
});

test('impossible numbers are refused', () => {
  assert.throws(() => passAtK(4, 5, 1), /5 right of 4/);
  assert.throws(() => passAtK(4, 1, 5), /k = 5/);
  assert.throws(() => passAtK(4, 1, 0), /k = 0/);
  assert.throws(() => meanPassAtK([], 1), /at least one/);
});
