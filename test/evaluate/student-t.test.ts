import assert from 'node:assert/strict';
import { test } from 'node:test';
import { studentQuantile, studentWithin } from '../../lib/evaluate/student-t.js';

const near = (actual: number, expected: number, within: number) =>
  assert.ok(Math.abs(actual - expected) < within, `${actual} against ${expected}`);

test('closed forms for one and two degrees of freedom', () => {
  // One is Cauchy's: 2 atan(t) / pi. Two: t / sqrt(2 + t^2).
  near(studentWithin(1, 1), 0.5, 1e-12);
  near(studentWithin(3, 2), 3 / Math.sqrt(11), 1e-12);
});

test('the two-sided 95 % and 99 % points of the printed tables', () => {
  for (const [freedom, t95, t99] of [
    [1, 12.706, 63.657],
    [2, 4.303, 9.925],
    [3, 3.182, 5.841],
    [4, 2.776, 4.604],
    [5, 2.571, 4.032],
    [9, 2.262, 3.25],
    [10, 2.228, 3.169],
    [30, 2.042, 2.75],
  ] as const) {
    near(studentQuantile(0.95, freedom), t95, 6e-4);
    near(studentQuantile(0.99, freedom), t99, 6e-4);
  }
  near(studentQuantile(0.95, 10_000), 1.96, 1e-3);
  assert.throws(() => studentQuantile(0.95, 0), /degrees of freedom/);
});
