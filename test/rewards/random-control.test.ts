import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomReward } from '../../lib/rewards/random-control.js';

test('the coin depends on the draw alone, and comes up 1 in half of the draws', () => {
  const tosses = Array.from({ length: 4000 }, (_, i) => randomReward({ randomKey: `1/step ${i}` }));
  assert.deepEqual(
    tosses,
    tosses.map((_, i) => randomReward({ randomKey: `1/step ${i}` })),
  );
  assert.ok(tosses.every((toss) => toss === 0 || toss === 1));
  // 2000 expected, standard deviation sqrt(4000 / 4) = 32.
  const ones = tosses.filter(Boolean).length;
  assert.ok(Math.abs(ones - 2000) < 4 * 32, `${ones} of 4000`);
  // Neighbouring draws agree in half of the cases: 2000 of 3999, the same deviation.
  const equal = tosses.slice(1).filter((toss, i) => toss === tosses[i]).length;
  assert.ok(Math.abs(equal - 2000) < 4 * 32, `${equal} of 3999 neighbours are equal`);
});
