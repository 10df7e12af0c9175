import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { type EvaluatedItem, evaluateModel, shareCut, summarize } from '../../lib/evaluate/evaluate.js';
import { wilsonInterval } from '../../lib/evaluate/interval.js';
import { estimateOverSeeds } from '../../lib/evaluate/over-seeds.js';
import { disposeModel } from '../../lib/model/model.js';
import { tinyPolicy } from '../support/tiny-policy.js';

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

test('partial credit: the mean score, with the interval that a study gives it for one seed', () => {
  const { accuracy, interval } = summarize(items([1, 0.5, 0.25, 0.5, 1]));
  assert.equal(accuracy, 0.65); // 3.25 / 5
  // Wilson's interval of 3.25 of 5: (0.65 + 3.84 / 10 -+ 1.96 sqrt(0.65 x 0.35 / 5 + 3.84 / 100)) / (1 + 3.84 / 5).
  assert.ok(Math.abs(interval[0] - 0.2637) < 1e-3 && Math.abs(interval[1] - 0.9059) < 1e-3, String(interval));
  assert.deepEqual(interval, estimateOverSeeds([0.65], 5).interval);
});

test('the share of completions that were cut at the limit', () => {
  const [first, ...others] = items([1, 0, 1, 1]);
  assert.equal(shareCut({ items: [{ ...first!, ended: false }, ...others] }), 0.25);
  assert.equal(shareCut({ items: others }), 0);
});

test('pictures are made ready batch by batch: the first completions are judged before the last prompts are made', async () => {
  await startEngine();
  const model = tinyPolicy();
  let made = 0;
  const madeWhenJudged: number[] = [];
  const asked = Array.from({ length: 130 }, (_, i) => ({
    id: String(i),
    family: 'f',
    row: { id: String(i), image: [], problem: 'p', answer: '1' },
    prompt: async () => {
      made++;
      return { tokens: [20, 6], images: [] };
    },
  }));
  const score = () => {
    madeWhenJudged.push(made);
    return 0;
  };
  await evaluateModel(model, asked, { maxNewTokens: 1, score });
  disposeModel(model);
  // A batch is 125 items.
  assert.deepEqual(
    madeWhenJudged,
    asked.map((_, i) => (i < 125 ? 125 : 130)),
  );
});
