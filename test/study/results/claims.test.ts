/** Verdicts follow from intervals alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSides, jointVerdict, verdictOf } from '../../../lib/study/results/claims.js';
import type { Estimate } from '../../../lib/study/results/results.js';

const estimate = (low: number, high: number): Estimate => ({
  mean: (low + high) / 2,
  interval: [low, high],
  perSeed: [],
  items: 100,
});

test('a claim holds where the intervals lie apart as claimed; touching is overlapping', () => {
  assert.equal(verdictOf(estimate(0.51, 0.6), estimate(0.4, 0.5)), 'holds');
  assert.equal(verdictOf(estimate(0.5, 0.6), estimate(0.4, 0.5)), 'not shown');
  assert.equal(verdictOf(estimate(0.3, 0.6), estimate(0.4, 0.5)), 'not shown');
  assert.equal(verdictOf(estimate(0.4, 0.5), estimate(0.51, 0.6)), 'contradicted');
});

test('together: one contradiction is enough, and all must hold', () => {
  assert.equal(jointVerdict(['holds', 'holds']), 'holds');
  assert.equal(jointVerdict(['holds', 'not shown']), 'not shown');
  assert.equal(jointVerdict(['not shown', 'contradicted', 'holds']), 'contradicted');
});

/** So many items of 100 right, the first ones or the last ones. */
const first = (right: number) => Array.from({ length: 100 }, (_, i) => Number(i < right));
const last = (right: number) => first(100 - right).map((score) => 1 - score);

test('two sides of two seeds: accuracies, differences and one McNemar test a seed', () => {
  const ours = { name: 'ours', scores: [first(90), first(92)] };
  const theirs = { name: 'theirs', scores: [first(40), last(42)] };
  const { firstAccuracy, secondAccuracy, difference, pValues, verdict } = compareSides('ood', ours, theirs);
  assert.deepEqual(
    [firstAccuracy.perSeed, secondAccuracy.perSeed],
    [
      [0.9, 0.92],
      [0.4, 0.42],
    ],
  );
  assert.deepEqual(
    difference.perSeed.map((each) => each.toFixed(2)),
    ['0.50', '0.50'],
  );
  // Seed 1: 50 items that only ours has, none the other way: 2 / 2^50.
  assert.ok(Math.abs(pValues[0]! / 2 ** -49 - 1) < 1e-9);
  // Seed 2: theirs has the last 42, 8 of which ours lacks: 58 against 8.
  assert.ok(pValues[1]! > pValues[0]! && pValues[1]! < 1e-8);
  // Of two seeds t(1) = 12.7, but their deviation is 0.0141: 12.7 x 0.01 = 0.127, and 0.1 of the items.
  assert.equal(verdict, 'holds');
  assert.equal(compareSides('ood', theirs, ours).verdict, 'contradicted');
});

test('seeds that scatter take a claim away that their mean would make', () => {
  const scattered = { name: 'ours', scores: [first(95), first(55)] };
  assert.equal(compareSides('id', scattered, { name: 'theirs', scores: [first(50), first(50)] }).verdict, 'not shown');
});

test('parts of a point are not right for McNemar; a model without seeds stands against each seed', () => {
  const half = { name: 'ours', scores: [Array.from({ length: 20 }, () => 0.5), Array.from({ length: 20 }, () => 1)] };
  const none = { name: 'base', scores: [Array.from({ length: 20 }, () => 0)] };
  const { pValues, difference } = compareSides('id', half, none);
  assert.deepEqual([pValues[0], difference.perSeed], [1, [0.5, 1]]);
  assert.equal(pValues[1], 2 ** -19);
});
