import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { collate, type Row } from '../../lib/model/batch.js';
import type { TensorMap } from '../../lib/train/adamw.js';
import { type PolicyInput, policyStep, policyTerms, tokenWeights } from '../../lib/train/policy-loss.js';
import { TINY_CONFIG, tinyImage, tinyParameters } from '../support/tiny-model.js';

const settings = { epsilonLow: 0.2, epsilonHigh: 0.28, beta: 0.04, temperature: 1 };

before(async () => {
  await startEngine();
});

/** The loss of one token, from its log-probability now, at sampling and under the reference, and its advantage. */
function tokenLoss(now: number, old: number, reference: number | undefined, advantage: number): number {
  const one = (x: number) => tf.tensor1d([x]);
  const { loss } = policyTerms(
    one(now),
    one(old),
    reference === undefined ? undefined : one(reference),
    one(advantage),
    settings,
  );
  return loss.dataSync()[0]!;
}

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-5, `${actual} against ${expected}`);

test('ratio 1: the loss is -A', () => near(tokenLoss(-1, -1, undefined, 2), -2));
test('ratio 1.5 and A = 1 is clipped at 1.28', () =>
  near(tokenLoss(Math.log(0.6), Math.log(0.4), undefined, 1), -1.28));
test('ratio 1.5 and A = -1 is not clipped: the worse of -1.5 and -1.28', () =>
  near(tokenLoss(Math.log(0.6), Math.log(0.4), undefined, -1), 1.5));
test('ratio 0.5 and A = -1 is clipped at 0.8', () => near(tokenLoss(Math.log(0.2), Math.log(0.4), undefined, -1), 0.8));
test('ratio 0.5 and A = 1 is not clipped', () => near(tokenLoss(Math.log(0.2), Math.log(0.4), undefined, 1), -0.5));
test('KL: p = 0.4, reference 0.2: exp(-ln 2) + ln 2 - 1 = 0.193147, times beta 0.04', () =>
  near(tokenLoss(Math.log(0.4), Math.log(0.4), Math.log(0.2), 0), 0.04 * 0.193147));
test('KL is 0 where the models agree', () => near(tokenLoss(-2, -2, -2, 0), 0));

test('weights of completions of 2 and 6 tokens, limit 10', () => {
  // grpo: 1/2 over its own tokens each; bnpo and dapo: 1/8 for every token; dr_grpo: 1/(2 x 10).
  assert.deepEqual(tokenWeights('grpo', [2, 6], 10), [1 / 4, 1 / 12]);
  assert.deepEqual(tokenWeights('bnpo', [2, 6], 10), [1 / 8, 1 / 8]);
  assert.deepEqual(tokenWeights('dapo', [2, 6], 10), [1 / 8, 1 / 8]);
  assert.deepEqual(tokenWeights('dr_grpo', [2, 6], 10), [1 / 20, 1 / 20]);
});

/** The summed gradients and loss of groups, one call of the step for each list of rows. */
function run(batches: Row[][], weightOf: (tokens: number) => number, advantage: (segment: string) => number) {
  const parameters = tinyParameters(1);
  const reference = tinyParameters(2);
  const step = policyStep(TINY_CONFIG, settings);
  const sum: { [name: string]: Float64Array } = {};
  let loss = 0;
  for (const rows of batches) {
    const collated = collate(rows, TINY_CONFIG);
    const perTarget = (value: (tokens: readonly number[]) => number) => {
      const values = new Float32Array(collated.targets.token.shape[0]);
      collated.origin.forEach(({ row, segment }, i) => {
        values[i] = value(rows[row]!.segments[segment]!.tokens);
      });
      return tf.tensor1d(values);
    };
    const input: PolicyInput = {
      trainable: parameters,
      frozen: {},
      reference,
      batch: collated.batch,
      targets: collated.targets,
      advantages: perTarget((tokens) => advantage(String(tokens))),
      weights: perTarget((tokens) => weightOf(tokens.length)),
      shares: perTarget(() => 1),
    };
    const out = step(input);
    loss += out.loss.dataSync()[0]!;
    for (const [name, gradient] of Object.entries(out.gradients)) {
      sum[name] ??= new Float64Array(gradient.size);
      gradient.dataSync().forEach((x, i) => {
        sum[name]![i]! += x;
      });
    }
  }
  return { loss, gradients: sum };
}

function largestGap(a: { [name: string]: Float64Array }, b: { [name: string]: Float64Array }): number {
  let gap = 0;
  let size = 0;
  for (const name of Object.keys(a)) {
    a[name]!.forEach((x, i) => {
      gap = Math.max(gap, Math.abs(x - b[name]![i]!));
      size = Math.max(size, Math.abs(x));
    });
  }
  return gap / size;
}

const completions = [
  [10, 11, 31],
  [12, 31],
  [13, 14, 15, 16, 31],
];
const advantageOf = (tokens: string) => ({ '10,11,31': 1.1, '12,31': -0.7 })[tokens] ?? -0.4;
const trained = (tokens: number[]) => ({ tokens, trained: tokens.map(() => true) });
const prefixOf = (text: number[]) => ({ tokens: [4, 3, 3, 3, 3, 5, ...text] });

test('completions that share their prompt give the gradient of separate rows', () => {
  const weight = (tokens: number) => 1 / (3 * tokens);
  const shared: Row[] = [{ prefix: prefixOf([20, 21]), images: [tinyImage(1)], segments: completions.map(trained) }];
  const separate: Row[] = completions.map((tokens) => ({
    prefix: prefixOf([20, 21]),
    images: [tinyImage(1)],
    segments: [trained(tokens)],
  }));
  const a = run([shared], weight, advantageOf);
  const b = run([separate], weight, advantageOf);
  assert.ok(Math.abs(a.loss - b.loss) < 1e-5, `losses ${a.loss} and ${b.loss}`);
  assert.ok(largestGap(a.gradients, b.gradients) < 2e-5, `gap ${largestGap(a.gradients, b.gradients)}`);
});

test('micro-batches add up to the whole batch, in any order', () => {
  const group = (seed: number): Row => ({
    prefix: prefixOf([20, seed]),
    images: [tinyImage(seed)],
    segments: completions.map(trained),
  });
  const weight = (tokens: number) => 1 / (9 * tokens);
  const whole = run([[group(1), group(2), group(3)]], weight, advantageOf);
  const cut = run([[group(3)], [group(1), group(2)]], weight, advantageOf);
  assert.ok(largestGap(whole.gradients, cut.gradients) < 2e-6, `gap ${largestGap(whole.gradients, cut.gradients)}`);
});

test('the gradient agrees with finite differences of the loss, relative error below 1e-2 in float32', () => {
  // With rho = exp(l - stopgrad l) the printed loss does not move with l; the clipped surrogate with a fixed l_old does.
  const parameters = tinyParameters(1);
  const reference = tinyParameters(2);
  const step = policyStep(TINY_CONFIG, settings);
  const rows: Row[] = [{ prefix: prefixOf([20]), images: [tinyImage(1)], segments: completions.map(trained) }];
  const collated = collate(rows, TINY_CONFIG);
  const size = collated.targets.token.shape[0];
  const fill = (value: (i: number) => number) =>
    tf.tensor1d(Float32Array.from({ length: size }, (_, i) => (i < collated.origin.length ? value(i) : 0)));
  const base = { frozen: {}, reference, batch: collated.batch, targets: collated.targets };
  const input = {
    ...base,
    advantages: fill((i) => (i % 2 ? 1 : -0.5)),
    weights: fill(() => 0.1),
    shares: fill(() => 0.1),
  };
  const old = step({ ...input, trainable: parameters }).logProbs as tf.Tensor1D;
  const lossAt = (trainable: TensorMap) => step({ ...input, trainable, old }).loss.dataSync()[0]!;
  const { gradients } = step({ ...input, trainable: parameters, old });
  let checked = 0;
  for (const [name, gradient] of Object.entries(gradients)) {
    // Along the gradient's own direction the loss changes by the gradient's norm: the strongest signal float32 gives.
    const norm = Math.sqrt(tf.sum(tf.square(gradient)).dataSync()[0]!);
    if (norm < 2e-2) continue;
    const h = 2e-3;
    const moved = (by: number) => ({ ...parameters, [name]: tf.add(parameters[name]!, tf.mul(gradient, by / norm)) });
    const slope =
      (8 * (lossAt(moved(h)) - lossAt(moved(-h))) - (lossAt(moved(2 * h)) - lossAt(moved(-2 * h)))) / (12 * h);
    assert.ok(Math.abs(slope - norm) / norm < 1e-2, `${name}: slope ${slope}, gradient norm ${norm}`);
    checked++;
  }
  assert.ok(checked >= 20, `only ${checked} tensors had a gradient large enough to check`);
});
