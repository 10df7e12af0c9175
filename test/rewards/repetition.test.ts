import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repetition, repetitionReward } from '../../lib/rewards/repetition.js';

test('the share of n-grams that are not new, negative', () => {
  assert.equal(repetition('a b c d e'), 0, 'three different n-grams of three words');
  assert.equal(repetition('a a a a a a'), 1 / 4 - 1, 'four n-grams, one of them distinct');
  // a b c, b c a, c a b, a b c, b c d: four of five are distinct
  assert.ok(Math.abs(repetition('a b c a b c d') + 1 / 5) < 1e-12);
  // TRL's example, [5, 5, 5, 5, 5] in pairs: one of four
  assert.equal(repetition('5 5 5 5 5', 2), -0.75);
});

test('a text that is shorter than an n-gram is not punished', () => {
  for (const completion of ['', '  ', 'a', 'a a']) assert.equal(repetitionReward({ completion }), 0);
});

test('words are not run together: "ab c d" and "a bc d" are different n-grams', () => {
  assert.equal(repetition('ab c d a bc d'), 0);
});

test('the time is linear: ten times the words take less than forty times as long', () => {
  const seconds = (words: number) => {
    const text = Array.from({ length: words }, (_, i) => `w${i % 97}`).join(' ');
    const start = process.cpuUsage();
    for (let i = 0; i < 5; i++) repetition(text);
    return process.cpuUsage(start).user;
  };
  seconds(10_000);
  const small = Math.min(...[1, 2, 3].map(() => seconds(10_000)));
  assert.ok(seconds(100_000) < 40 * Math.max(small, 1000));
});
