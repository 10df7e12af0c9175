import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupAdvantages, sampleDeviation } from '../../lib/train/advantage.js';

test('rewards 2, 0, 1, 1: mean 1, deviation sqrt(2/3); advantages are the distances over it', () => {
  const deviation = Math.sqrt(2 / 3);
  const { advantages, groupDeviations } = groupAdvantages([[2, 0, 1, 1]], 'group');
  assert.ok(Math.abs(groupDeviations[0]! - deviation) < 1e-12);
  assert.deepEqual(advantages, [[1 / (deviation + 1e-4), -1 / (deviation + 1e-4), 0, 0]]);
});

test('a group of equal rewards is dead: no advantage', () => {
  const { advantages, deadFraction } = groupAdvantages(
    [
      [1, 1],
      [0, 2],
    ],
    'group',
  );
  assert.deepEqual(advantages[0], [0, 0]);
  assert.equal(deadFraction, 0.5);
});

test('scaling none leaves the distance from the mean; batch divides by the deviation of all rewards', () => {
  const rewards = [
    [1, 0],
    [3, 0],
  ];
  assert.deepEqual(groupAdvantages(rewards, 'none').advantages, [
    [0.5, -0.5],
    [1.5, -1.5],
  ]);
  // All rewards 1, 0, 3, 0: mean 1, squares 0 + 1 + 4 + 1 = 6 over 3: deviation sqrt(2).
  const scaled = groupAdvantages(rewards, 'batch').advantages;
  assert.ok(Math.abs(scaled[1]![0]! - 1.5 / (Math.SQRT2 + 1e-4)) < 1e-12);
});

test('a completion no reward applies to gets advantage 0 and does not move the mean', () => {
  const { advantages } = groupAdvantages([[1, 3, null]], 'none');
  assert.deepEqual(advantages, [[-1, 1, 0]]);
});

test('the deviation of one number is 0', () => assert.equal(sampleDeviation([4]), 0));
