import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wilsonInterval } from '../../lib/evaluate/interval.js';
import { differenceOverSeeds, estimateOverSeeds } from '../../lib/evaluate/over-seeds.js';

const near = (actual: number, expected: number, tolerance = 1e-3) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

test('three seeds of 0.5, 0.6 and 0.7 on 100 items: both parts of the interval by hand', () => {
  const { mean, interval, perSeed, items } = estimateOverSeeds([0.5, 0.6, 0.7], 100);
  // Seeds: t(2) = 4.3027, s = 0.1: 4.3027 x 0.1 / 1.7321 = 0.24841. Items: 1.96 sqrt(0.24 / 100) = 0.09602. Together 0.26632.
  near(mean, 0.6, 1e-12);
  near(interval[0], 0.6 - 0.26632, 1e-4);
  near(interval[1], 0.6 + 0.26632, 1e-4);
  assert.deepEqual([perSeed, items], [[0.5, 0.6, 0.7], 100]);
});

test('equal seeds leave the items’ part alone; the interval stays within [0, 1]', () => {
  const { interval } = estimateOverSeeds([0.5, 0.5], 400);
  near(interval[0], 0.5 - 0.049, 1e-4);
  // t(1) = 12.706 x 0.0141 / 1.414 = 0.127 below and above 0.02.
  assert.equal(estimateOverSeeds([0.01, 0.03], 1000).interval[0], 0);
  assert.equal(estimateOverSeeds([0.97, 0.99], 1000).interval[1], 1);
});

test('one seed has Wilson’s interval of the items, a mean of partial scores too', () => {
  assert.deepEqual(estimateOverSeeds([0.4], 50).interval, wilsonInterval(20, 50));
  assert.deepEqual(estimateOverSeeds([0.425], 10).interval, wilsonInterval(4.25, 10));
  assert.throws(() => estimateOverSeeds([], 10), /a seed and an item/);
  assert.throws(() => estimateOverSeeds([0.5], 0), /a seed and an item/);
});

test('seeds that are all wrong, or all right, have Wilson’s interval of the items and no certainty', () => {
  // Of 0 of 100: [0, 1.96^2 / (100 + 1.96^2)] = [0, 3.8415 / 103.8415].
  const { mean, interval } = estimateOverSeeds([0, 0, 0], 100);
  assert.equal(mean, 0);
  near(interval[0], 0, 1e-12);
  near(interval[1], 0.036994, 1e-6);
  const [low, high] = estimateOverSeeds([1, 1], 100).interval;
  near(low, 1 - 0.036994, 1e-6);
  near(high, 1, 1e-12);
  // One right answer of 300 gives both parts of the interval again.
  near(
    estimateOverSeeds([0, 0, 0.01], 100).interval[1],
    1 / 300 + Math.hypot(4.3027 / 300, (1.96 * Math.sqrt(299)) / 3000),
    1e-4,
  );
});

test('a difference that is 0 on every item of every seed: as many of others may differ as Wilson’s interval of none has', () => {
  // Of 0 of 2: 3.8415 / 5.8415. Where items differ both ways, the parts are as ever: 1, -1 have s = 1.41421, 1.96 x s / sqrt(2) = 1.96.
  const equal = differenceOverSeeds(
    [
      [1, 0],
      [1, 0],
    ],
    [
      [1, 0],
      [1, 0],
    ],
  );
  near(equal.interval[0], -0.65762, 1e-5);
  near(equal.interval[1], 0.65762, 1e-5);
  near(differenceOverSeeds([[1, 0]], [[0, 1]]).interval[1], 1.96, 1e-4);
});

test('a difference pairs seeds and items, worked by hand', () => {
  // Seed 1: 1 1 1 0 against 1 0 0 0: 0 1 1 0, mean 0.5. Seed 2: 1 1 0 0 against 1 0 0 0: 0 1 0 0, mean 0.25.
  const { mean, interval, perSeed } = differenceOverSeeds(
    [
      [1, 1, 1, 0],
      [1, 1, 0, 0],
    ],
    [
      [1, 0, 0, 0],
      [1, 0, 0, 0],
    ],
  );
  assert.deepEqual(perSeed, [0.5, 0.25]);
  near(mean, 0.375, 1e-12);
  // Seeds: t(1) = 12.7062, s = 0.17678: 1.58828. Items: 0, 1, 0.5, 0 have s = 0.47871: 1.96 x 0.47871 / 2 = 0.46913. Together 1.65612.
  near(interval[0], 0.375 - 1.65612);
  near(interval[1], 0.375 + 1.65612);
});

test('a model without seeds stands against each of the other’s; one seed has the items’ part alone', () => {
  const trained = [
    [1, 1],
    [1, 0],
  ];
  assert.deepEqual(differenceOverSeeds(trained, [[0, 0]]).perSeed, [1, 0.5]);
  // 1 and 0: s = 0.70711, 1.96 x 0.70711 / sqrt(2) = 0.98.
  near(differenceOverSeeds([[1, 0]], [[0, 0]]).interval[1], 0.5 + 0.97998);
});

test('scores that do not pair are refused', () => {
  assert.throws(() => differenceOverSeeds([[1, 0]], [[1]]), /the same items/);
  assert.throws(() => differenceOverSeeds([[1], [1], [1]], [[1], [1]]), /3 and 2 seeds/);
  assert.throws(() => differenceOverSeeds([], []), /the same items/);
});
