/** The loss of every type, worked out by hand. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import {
  type LossType,
  needsSequences,
  type PolicyLossSettings,
  policyTerms,
  tokenWeights,
} from '../../lib/train/policy-loss.js';

before(async () => {
  await startEngine();
});

const settings: PolicyLossSettings = {
  lossType: 'grpo',
  ratioLevel: 'token',
  epsilonLow: 0.2,
  epsilonHigh: 0.28,
  delta: 0,
  sapoTemperaturePositive: 1,
  sapoTemperatureNegative: 1.05,
  vespoExponentPositive: 2,
  vespoDecayPositive: 3,
  vespoExponentNegative: 3,
  vespoDecayNegative: 2,
  offPolicyThreshold: 0,
  beta: 0,
  unbiasedKl: false,
};

/**
 * Two completions:
 *
 *     first,  A = 1:    p = 0.6, 0.2       at sampling 0.4, 0.4       ratios 1.5, 0.5
 *     second, A = -0.5: p = 0.6, 0.2, 0.5  at sampling 0.4, 0.4, 0.5  ratios 1.5, 0.5, 1
 */
const LENGTHS = [2, 3];
const NOW = [0.6, 0.2, 0.6, 0.2, 0.5].map(Math.log);
const OLD = [0.4, 0.4, 0.4, 0.4, 0.5].map(Math.log);
const ADVANTAGES = [1, 1, -0.5, -0.5, -0.5];
const OF = [0, 0, 1, 1, 1];

/** The terms of the two completions' tokens. */
function termsOf(all: PolicyLossSettings, now: readonly number[] | tf.Tensor1D, reference?: readonly number[]) {
  const targets = {
    logProbs: now instanceof tf.Tensor ? now : tf.tensor1d([...now]),
    old: tf.tensor1d(OLD),
    reference: reference && tf.tensor1d([...reference]),
    advantages: tf.tensor1d(ADVANTAGES),
    sequences: needsSequences(all)
      ? { completion: tf.tensor1d(OF, 'int32'), lengths: tf.tensor1d(LENGTHS) }
      : undefined,
  };
  return policyTerms(targets, all);
}

/** The loss of the two completions: the weighted sum of their policy terms, plus beta x the weighted sum of the KL's. */
function loss(
  changes: Partial<PolicyLossSettings>,
  {
    maxNewTokens = 10,
    rolloutTokens = 5,
    lengths = LENGTHS,
    reference,
  }: { maxNewTokens?: number; rolloutTokens?: number; lengths?: number[]; reference?: number[] } = {},
): number {
  const all = { ...settings, ...changes };
  const { policy, kl } = termsOf(all, NOW, reference);
  const weights = tokenWeights(all.lossType, lengths, { maxNewTokens, rolloutTokens });
  const each = [...tf.add(policy, tf.mul(kl, all.beta)).dataSync()];
  return each.reduce((sum, x, t) => sum + x * weights[OF[t]!]!, 0);
}

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 2e-6, `${actual} against ${expected}`);

/** Each type, and its arithmetic. */
const TABLE: [LossType, Partial<PolicyLossSettings>, number][] = [
  // first:  -min(1.5, 1.28) = -1.28 and -min(0.5, 0.8) = -0.5, mean -0.89
  // second: -min(1.5 x -0.5, 1.28 x -0.5) = 0.75, -min(-0.25, 0.8 x -0.5) = 0.4, 0.5, mean 0.55
  // mean of the two: (-0.89 + 0.55) / 2
  ['grpo', {}, -0.17],
  // the same tokens, -1.78 + 1.65 = -0.13, over 5 tokens
  ['bnpo', {}, -0.026],
  // -0.13 over 2 completions x 10 tokens
  ['dr_grpo', {}, -0.0065],
  // -0.13 over the 5 tokens of the rollout
  ['dapo', {}, -0.026],
  // bound 1.2: weights 1.2, 0.5 | 1.2, 0.5, 1; -w A ln p:
  // first 1.2 x 0.5108256 + 0.5 x 1.6094379 = 1.4177097, second -0.5 (1.4177097 + 0.6931472) = -1.0554284; sum over 5
  ['cispo', { epsilonHigh: 1.2 }, 0.0724563],
  // first, tau 1: -4 sigmoid(0.5) - 4 sigmoid(-0.5) = -4, mean -2
  // second, tau 1.05: 0.5 x 4 / 1.05 x (sigmoid(0.525) + sigmoid(-0.525) + sigmoid(0)) = 2 / 1.05 x 1.5, mean 0.9523810
  ['sapo', {}, -0.5238095],
  // first: ratio sqrt(1.5 x 0.5) = 0.8660254, inside the range: -0.8660254
  // second: ratio (1.5 x 0.5 x 1)^(1/3) = 0.9085603: 0.4542801; mean of the two
  ['gspo', {}, -0.2058726],
  // the terms of gspo, once a token: (-0.8660254 x 2 + 0.4542801 x 3) / 2
  ['luspo', {}, -0.1846052],
  // W = 1.5 x 0.5 = 0.75 for both. phi: A > 0: 0.75^2 e^(3 x 0.25) = 1.1908125; A < 0: 0.75^3 e^(2 x 0.25) = 0.6955543
  // first: -1.1908125 (ln 0.6 + ln 0.2) = 2.5248363; second: 0.5 x 0.6955543 (ln 0.6 + ln 0.2 + ln 0.5) = -0.9784399; sum over 5
  ['vespo', {}, 0.3092793],
];

for (const [lossType, changes, expected] of TABLE) {
  test(`${lossType}: ${expected}`, () => near(loss({ lossType, ...changes }), expected));
}

test('the sequence ratio is the same with the grpo loss as with gspo, and clips as a whole', () => {
  near(loss({ lossType: 'grpo', ratioLevel: 'sequence' }), -0.2058726);
  // epsilonLow 0.05: first 0.866 -> min(0.8660254, 0.95) = 0.8660254; second min(-0.4542801, 0.95 x -0.5) = -0.475
  near(loss({ lossType: 'gspo', epsilonLow: 0.05 }), (-0.8660254 + 0.475) / 2);
});

test('dapo: two updates of a rollout of 8 tokens divide by 4 each', () =>
  near(loss({ lossType: 'dapo' }, { rolloutTokens: 4 }), -0.13 / 4));

test('delta 1.4 bounds the ratio 1.5 of a negative advantage: 0.7 in place of 0.75', () =>
  // second: (0.7 + 0.4 + 0.5) / 3; the first is clipped at 1.28 already
  near(loss({ delta: 1.4 }), (-0.89 + 1.6 / 3) / 2));

test('KL: reference 0.3, 0.2 | 0.6, 0.4, 0.5, beta 0.04, is averaged as the policy term is', () => {
  // k3 at p = 0.6, reference 0.3: 0.5 + ln 2 - 1 = 0.1931472; at p = 0.2, reference 0.4: 2 - ln 2 - 1 = 0.3068528; else 0
  const reference = [0.3, 0.2, 0.6, 0.4, 0.5].map(Math.log);
  near(loss({ beta: 0.04 }, { reference }), -0.17 + (0.04 * (0.1931472 / 2 + 0.3068528 / 3)) / 2);
  near(loss({ lossType: 'bnpo', beta: 0.04 }, { reference }), -0.026 + (0.04 * 0.5) / 5);
  near(loss({ lossType: 'cispo', epsilonHigh: 1.2, beta: 0.04 }, { reference }), 0.0724563 + (0.04 * 0.5) / 5);
});

test('unbiased KL: each k3 times its ratio, or times its completion’s', () => {
  // k3 as above, 0.1931472 at ratio 1.5 and 0.3068528 at ratio 0.5
  const reference = [0.3, 0.2, 0.6, 0.4, 0.5].map(Math.log);
  const kl = (0.1931472 * 1.5) / 2 + (0.3068528 * 0.5) / 3;
  near(loss({ beta: 0.04, unbiasedKl: true }, { reference }), -0.17 + (0.04 * kl) / 2);
  // gspo: ratios 0.8660254 and 0.9085603
  const sequenceKl = (0.1931472 * 0.8660254) / 2 + (0.3068528 * 0.9085603) / 3;
  near(loss({ lossType: 'gspo', beta: 0.04, unbiasedKl: true }, { reference }), -0.2058726 + (0.04 * sequenceKl) / 2);
});

test('unbiased KL: on policy the gradient of k3 is 1 - r, that of rho k3 is k3 + 1 - r = ln (p / q), with r = q / p', () => {
  const reference = OLD.map((l) => l + Math.log(2));
  const slope = (unbiasedKl: boolean) =>
    tf.grad((l: tf.Tensor) => tf.sum(termsOf({ ...settings, beta: 1, unbiasedKl }, l as tf.Tensor1D, reference).kl))(
      tf.tensor1d(OLD),
    );
  for (const value of slope(false).dataSync()) near(value, 1 - 2);
  for (const value of slope(true).dataSync()) near(value, -Math.log(2));
});

test('off-policy mask: a completion with A < 0 that the policy has left by more than the threshold loses its policy term', () => {
  // Mean of l_old - l: first -(ln 1.5 + ln 0.5) / 2 = 0.1438410, second 0.2876821 / 3 = 0.0958940. The first has A > 0 and stays.
  near(loss({ offPolicyThreshold: 0.1 }), -0.17);
  near(loss({ offPolicyThreshold: 0.09 }), -0.89 / 2);
  // Its KL stays.
  const reference = [0.3, 0.2, 0.6, 0.4, 0.5].map(Math.log);
  const kl = 0.1931472 / 2 + 0.3068528 / 3;
  near(loss({ offPolicyThreshold: 0.09, beta: 0.04 }, { reference }), (-0.89 + 0.04 * kl) / 2);
});

test('a completion that is masked out loses its tokens; the average over completions still counts it', () => {
  // The second masked: grpo -0.89 / 2; bnpo -1.78 / 2 tokens; dr_grpo -1.78 / 20.
  const lengths = [2, 0];
  near(loss({}, { lengths }), -0.445);
  near(loss({ lossType: 'bnpo' }, { lengths }), -0.89);
  near(loss({ lossType: 'dr_grpo' }, { lengths }), -0.089);
  assert.deepEqual(tokenWeights('grpo', [0, 0], { maxNewTokens: 10, rolloutTokens: 0 }), [0, 0]);
});

test('clipping is counted: from above where A > 0, from below where A < 0', () => {
  const terms = termsOf(settings, NOW);
  assert.deepEqual([...terms.clippedHigh.dataSync()], [1, 0, 0, 0, 0]);
  assert.deepEqual([...terms.clippedLow.dataSync()], [0, 0, 0, 1, 0]);
});

test('at ratio 1 every type has the slope -A in l, although the printed losses differ', () => {
  for (const [lossType, changes] of TABLE) {
    const all = { ...settings, lossType, ...changes };
    const slope = tf.grad((l: tf.Tensor) => tf.sum(termsOf(all, l as tf.Tensor1D).policy))(tf.tensor1d(OLD));
    slope.dataSync().forEach((x, t) => {
      near(x, -ADVANTAGES[t]!);
    });
  }
});
