import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EvaluatedItem, shareCut, summarize } from '../../lib/evaluate/evaluate.js';
import { meanInterval, wilsonInterval } from '../../lib/evaluate/interval.js';

const items = (scores: readonly number[]): EvaluatedItem[] =>
  scores.map((score, i) => ({
    ...{ id: String(i), family: 'f', solution: '1', completion: '1', score, correct: score === 1 },
    ...{ formatted: i === 0, tokens: 2 + i, ended: true },
  }));

test('right or wrong: the share that is right, with Wilson’s interval', () => {
  const { accuracy, count, interval, formatted, meanTokens } = summarize(items([1, 0, 1, 1]));
  assert.deepEqual([accuracy, count, formatted, meanTokens], [0.75, 4, 0.25, 3.5]); // (2 + 3 + 4 + 5) / 4
  assert.deepEqual(interval, wilsonInterval(3, 4));
});

test('partial credit: the mean score, with Student’s interval, held within 0 and 1', () => {
  const scores = [1, 0.5, 0.25, 0.5, 1];
  const { accuracy, interval } = summarize(items(scores));
  assert.equal(accuracy, 0.65); // 3.25 / 5
  // s = sqrt(0.45 / 4) = 0.3354; t(4) = 2.776: 0.65 -+ 2.776 * 0.3354 / sqrt(5) = 0.2336 ... 1.0664, cut at 1.
  assert.ok(Math.abs(interval[0] - 0.2336) < 1e-3);
  assert.equal(interval[0], meanInterval(scores).interval[0]);
  assert.equal(interval[1], 1);
});

test('the share of completions that were cut at the limit', () => {
  const [first, ...others] = items([1, 0, 1, 1]);
  assert.equal(shareCut({ items: [{ ...first!, ended: false }, ...others] }), 0.25);
  assert.equal(shareCut({ items: others }), 0);
});
