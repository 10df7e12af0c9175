import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupAdvantages, normalizedAdvantages, sampleDeviation, weightedSum } from '../../lib/train/advantage.js';

test('rewards 2, 0, 1, 1: mean 1, deviation sqrt(2/3); advantages are the distances over it', () => {
  const deviation = Math.sqrt(2 / 3);
  const { advantages, groupDeviations } = groupAdvantages([[2, 0, 1, 1]], 'group');
  assert.ok(Math.abs(groupDeviations[0]! - deviation) < 1e-12);
  assert.deepEqual(advantages, [[1 / (deviation + 1e-4), -1 / (deviation + 1e-4), 0, 0]]);
});

test('a group of equal rewards is dead: no advantage', () => {
  const { advantages, dead } = groupAdvantages(
    [
      [1, 1],
      [0, 2],
    ],
    'group',
  );
  assert.deepEqual(advantages[0], [0, 0]);
  assert.deepEqual(dead, [true, false]);
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

test('the weighted sum skips a function that does not apply; where none does there is no reward', () => {
  const accuracy = [[1, null, null]];
  const format = [[1, 1, null]];
  assert.deepEqual(weightedSum([accuracy, format], [1, 0.5]), [[1.5, 0.5, null]]);
});

test('normalize then sum: two rewards of unlike size pull alike', () => {
  // In each group each reward is 0 and 1, or 0 and 10: z = -+ sqrt(1/2) up to the 1e-4, whatever its size.
  const small = [
    [0, 1],
    [1, 0],
  ];
  const large = [
    [0, 10],
    [0, 10],
  ];
  const { advantages, dead } = normalizedAdvantages([small, large], [1, 1]);
  // Sums -sqrt 2, sqrt 2, 0, 0: mean 0, deviation sqrt(4/3); A = -+ sqrt(2) / sqrt(4/3) = -+ 1.2247, 0, 0.
  const expected = [
    [-Math.sqrt(1.5), Math.sqrt(1.5)],
    [0, 0],
  ];
  advantages.forEach((group, p) => {
    group.forEach((a, g) => {
      assert.ok(Math.abs(a - expected[p]![g]!) < 1e-3, `${a} against ${expected[p]![g]}`);
    });
  });
  assert.deepEqual(dead, [false, false]);
  // Sum then normalize lets the large one decide: 0, 11 and 1, 10.
  const { advantages: summed } = groupAdvantages(weightedSum([small, large], [1, 1]), 'group');
  assert.ok(summed[1]![1]! > 0.7);
});

test('normalize then sum: a group is dead where every reward is equal in it', () => {
  const { dead, advantages } = normalizedAdvantages(
    [
      [
        [1, 1],
        [1, 0],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ],
    [1, 1],
  );
  assert.deepEqual(dead, [true, false]);
  assert.deepEqual(advantages[0], [0, 0]);
});
