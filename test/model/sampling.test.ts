/** Which tokens each setting of sampling leaves, and how often each is drawn, worked out by hand from four probabilities. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { checkSampling, type SamplingSettings, sampleTokens } from '../../lib/model/sampling.js';

before(async () => {
  await startEngine();
});

/** Not in order, so that ranks are not tokens. */
const PROBABILITIES = [0.1, 0.5, 0.15, 0.25];
const ALL: SamplingSettings = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/** The share of draws of each token, with 1,000 uniform numbers that are evenly spread. */
function sharesOf(changes: Partial<SamplingSettings>): number[] {
  const draws = 1000;
  const logits = tf.tile(tf.tensor2d([PROBABILITIES.map(Math.log)]), [draws, 1]) as tf.Tensor2D;
  const uniform = tf.tensor1d(Float32Array.from({ length: draws }, (_, i) => (i + 0.5) / draws));
  const { tokens } = sampleTokens(logits, uniform, { ...ALL, ...changes });
  const counts = PROBABILITIES.map(() => 0);
  for (const token of tokens.dataSync()) counts[token]!++;
  return counts.map((count) => count / draws);
}

const CASES: [string, Partial<SamplingSettings>, number[]][] = [
  ['all tokens', {}, [0.1, 0.5, 0.15, 0.25]],
  ['top-k 2: 0.5 and 0.25 of 0.75', { topK: 2 }, [0, 2 / 3, 0, 1 / 3]],
  ['top-p 0.8: 0.5, 0.25 and 0.15, since 0.75 is below 0.8', { topP: 0.8 }, [0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9]],
  ['min-p 0.4: those of at least 0.2', { minP: 0.4 }, [0, 2 / 3, 0, 1 / 3]],
  ['min-p 0.25: those of at least 0.125', { minP: 0.25 }, [0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9]],
  ['min-p 1: the most probable one', { minP: 1 }, [0, 1, 0, 0]],
  ['min-p 0.25 after top-k 2', { topK: 2, minP: 0.25 }, [0, 2 / 3, 0, 1 / 3]],
  ['min-p 0.4 after top-p 0.8', { topP: 0.8, minP: 0.4 }, [0, 2 / 3, 0, 1 / 3]],
  // p^2: 0.01, 0.25, 0.0225, 0.0625, so that 0.0625 is a quarter of the largest
  ['min-p 0.24 at temperature 0.5, on the sharper probabilities', { temperature: 0.5, minP: 0.24 }, [0, 0.8, 0, 0.2]],
];

for (const [name, changes, expected] of CASES) {
  test(name, () => {
    const shares = sharesOf(changes);
    shares.forEach((share, token) => {
      assert.ok(Math.abs(share - expected[token]!) < 0.002, `token ${token}: ${share} against ${expected[token]}`);
    });
  });
}

test('the log-probability of a draw is that under the whole distribution, whatever was left out', () => {
  const logits = tf.tensor2d([PROBABILITIES.map(Math.log)]);
  const { tokens, logProbs } = sampleTokens(logits, tf.tensor1d([0.99]), { ...ALL, minP: 0.4 });
  assert.equal(tokens.dataSync()[0], 3);
  assert.ok(Math.abs(logProbs.dataSync()[0]! - Math.log(0.25)) < 1e-6);
});

test('the tokens that could be drawn, and the log-probability of a draw among them alone', () => {
  // 0.5, 0.25 and 0.15 stay of top-p 0.8, which are the tokens 1, 3 and 2: their sum is 0.9.
  const logits = tf.tile(tf.tensor2d([PROBABILITIES.map(Math.log)]), [2, 1]) as tf.Tensor2D;
  const drawn = sampleTokens(logits, tf.tensor1d([0.1, 0.99]), { ...ALL, topP: 0.8 }, true);
  assert.deepEqual([...drawn.tokens.dataSync()], [1, 2]);
  assert.deepEqual(drawn.kept!.arraySync(), [
    [1, 3, 2, -1],
    [1, 3, 2, -1],
  ]);
  const [first, last] = drawn.logProbs.dataSync();
  assert.ok(Math.abs(first! - Math.log(0.5 / 0.9)) < 1e-6);
  assert.ok(Math.abs(last! - Math.log(0.15 / 0.9)) < 1e-6);
  // Top-k 2 has two candidates only, and min-p 0.6 leaves one of them.
  const one = sampleTokens(logits, tf.tensor1d([0.1, 0.99]), { ...ALL, topK: 2, minP: 0.6 }, true);
  assert.deepEqual(one.kept!.arraySync(), [
    [1, -1],
    [1, -1],
  ]);
  assert.deepEqual([...one.logProbs.dataSync()].map(Math.abs), [0, 0]);
  assert.equal(sampleTokens(logits, tf.tensor1d([0.1, 0.99]), ALL, true).kept, undefined);
});

test('a min-p outside 0 to 1 is refused by name', () => {
  for (const minP of [-0.1, 1.1, Number.NaN])
    assert.throws(() => checkSampling({ ...ALL, minP }), /minP must be from 0 \(all tokens\) to 1/);
});
