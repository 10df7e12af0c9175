import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mathematicalReward } from '../../lib/rewards/mathematical.js';
import { releasedMathematicalReward } from '../../lib/rewards/released/mathematical.js';

const answered = (answer: string, gold: string) => ({
  completion: `<answer>${answer}</answer>`,
  row: { answer: gold },
});
const reward = (answer: string, gold: string) => mathematicalReward(answered(answer, gold));
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} against ${expected}`);

test('the reward falls from 1 at 5 % to 0 at 20 % as half a cosine', () => {
  assert.equal(reward('104.9', '100'), 1);
  assert.equal(reward('95.1', '100'), 1);
  // d = 8.75, a quarter of the way: (cos(pi / 4) + 1) / 2.
  near(reward('108.75', '100'), (Math.SQRT1_2 + 1) / 2);
  // d = 12.5, half way: (cos(pi / 2) + 1) / 2 = 0.5, on both sides and for negative numbers.
  near(reward('112.5', '100'), 0.5);
  near(reward('87.5', '100'), 0.5);
  near(reward('-112.5', '-100'), 0.5);
  // d = 20: (cos(pi) + 1) / 2 = 0.
  near(reward('120', '100'), 0);
  assert.equal(reward('120.1', '100'), 0);
  assert.equal(reward('-100', '100'), 0);
});

test('a gold 0, which the released code divides by, has an answer', () => {
  assert.equal(reward('0.0', '0'), 1);
  assert.equal(reward('-0', '0'), 1);
  assert.equal(reward('0.001', '0'), 0);
});

test('what is not a number is compared as text', () => {
  assert.equal(reward('B', 'B'), 1);
  assert.equal(reward('A', 'B'), 0);
  assert.equal(reward('100 or 200', '100'), 0);
  assert.equal(reward('NaN', '100'), 0);
  assert.equal(reward('1e999', '100'), 0);
  assert.equal(reward('', '100'), 0);
  assert.equal(reward('1e2', '100'), 1);
});

test('the released reward: the same away from 0; against a gold 0 an equal number has no reward, others 0', () => {
  const released = (answer: string, gold: string) => releasedMathematicalReward(answered(answer, gold));
  assert.equal(released('112.5', '100'), reward('112.5', '100'));
  assert.equal(released('B', 'B'), 1);
  assert.equal(released('0', '0'), null);
  assert.equal(released('0.0', '0'), null);
  assert.equal(released('0.001', '0'), 0);
});
