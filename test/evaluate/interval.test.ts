import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mcNemar, wilsonInterval } from '../../lib/evaluate/interval.js';

const near = (actual: number, expected: number, within = 1e-9) =>
  assert.ok(Math.abs(actual - expected) < within, `${actual} against ${expected}`);

test('the Wilson interval of 81 of 263, the worked example of Newcombe (1998)', () => {
  // Newcombe, Statistics in Medicine 17, table I, method 3: 0.2553 to 0.3662.
  const [low, high] = wilsonInterval(81, 263);
  near(low, 0.2553, 5e-5);
  near(high, 0.3662, 5e-5);
});

test('the Wilson interval at the ends', () => {
  // 0 of 10: [0, z^2 / (10 + z^2)] with z^2 = 3.8415: 3.8415 / 13.8415 = 0.27753.
  const [low, high] = wilsonInterval(0, 10);
  near(low, 0);
  near(high, 0.27753, 5e-5);
  near(wilsonInterval(10, 10)[0], 1 - high);
  assert.ok(wilsonInterval(10, 10)[1] <= 1);
  assert.throws(() => wilsonInterval(0, 0), /0 of 0/);
  assert.throws(() => wilsonInterval(3, 2), /3 of 2/);
});

test('McNemar: the two-sided binomial test of the items on which the systems differ', () => {
  assert.equal(mcNemar(0, 0), 1);
  // 1 against 5: 2 (C(6,0) + C(6,1)) / 2^6 = 14 / 64.
  near(mcNemar(1, 5), 14 / 64);
  near(mcNemar(5, 1), 14 / 64);
  // 3 against 3: twice the half with the middle, cut at 1.
  assert.equal(mcNemar(3, 3), 1);
  // Large counts neither overflow nor vanish: 400 against 600 is 6.3 standard deviations off, p about 3e-10.
  const p = mcNemar(400, 600);
  assert.ok(p > 1e-10 && p < 1e-9, String(p));
});
