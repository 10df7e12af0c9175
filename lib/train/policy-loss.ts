/**
 * The policy losses, token by token, and how they are averaged.
 *
 * With l the log-probability of a sampled token, rho = exp(l - l_old) its importance ratio, A its completion's advantage and
 * k3 = exp(l_ref - l) - (l_ref - l) - 1 (Schulman 2020), the loss of a batch is the sum over tokens of
 *
 *     w_t (P_t + beta k3)
 *
 * where P_t is the policy term of the loss type (`policyTerms`) and w_t its average's weight (`tokenWeights`). The weights
 * are chosen on the host, so that however a batch is cut into micro-batches, losses and gradients add up to the same update.
 */
import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../engine/operations.js';

/**
 * | type | P_t | average | source |
 * |---|---|---|---|
 * | `grpo` | -min(rho A, clip(rho, 1 - epsLow, 1 + epsHigh) A) | over a completion's tokens, then over completions | Shao et al. 2024, equation 3 |
 * | `bnpo` | as grpo | over all tokens of the update | TRL |
 * | `dr_grpo` | as grpo | sum / (completions x length limit) | Liu et al. 2025, section 3 |
 * | `dapo` | as grpo | sum / tokens of the whole rollout, a share for each of its updates | Yu et al. 2025, equation 8 |
 * | `cispo` | -stopgrad(min(rho, epsHigh)) A l; here epsHigh is the bound itself, such as 5 | as dapo | MiniMax 2025, equation 4 |
 * | `sapo` | -A sigmoid(tau (rho - 1)) 4 / tau, with tau by the sign of A | as grpo | Gao et al. 2025 |
 * | `gspo` | as grpo, with the sequence ratio | as grpo | Zheng et al. 2025, equation 5 |
 */
export const LOSS_TYPES = ['grpo', 'bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', 'gspo'] as const;
export type LossType = (typeof LOSS_TYPES)[number];

/** One importance ratio a token, or one a completion: the geometric mean of its tokens' (GSPO, equation 7). */
export type RatioLevel = 'token' | 'sequence';

export interface PolicyLossSettings {
  lossType: LossType;
  ratioLevel: RatioLevel;
  /** Lower and upper distance of the ratio's clipping range from 1; for `cispo` epsilonHigh is the ratio's bound. */
  epsilonLow: number;
  epsilonHigh: number;
  /** Bound of the ratio in the unclipped term. It keeps a negative advantage from pushing without limit; 0: none. */
  delta: number;
  /** Temperatures of `sapo` for positive and negative advantages. */
  sapoTemperaturePositive: number;
  sapoTemperatureNegative: number;
  /** Weight of the KL term; 0: no reference model. */
  beta: number;
}

/** Whether one ratio holds for a whole completion. */
export function hasSequenceRatio({
  lossType,
  ratioLevel,
}: Pick<PolicyLossSettings, 'lossType' | 'ratioLevel'>): boolean {
  return lossType === 'gspo' || ratioLevel === 'sequence';
}

/**
 * The weight of each completion's tokens in the loss of one update.
 *
 * @param lengths tokens that count in each completion of the update; 0 for one that is masked out
 * @param options.maxNewTokens the length limit, for `dr_grpo`
 * @param options.rolloutTokens tokens that count in the whole rollout, over its number of updates, for `dapo` and `cispo`
 * @returns one weight a completion, the same for all its tokens; 0 for one that is masked out
 */
export function tokenWeights(
  type: LossType,
  lengths: readonly number[],
  { maxNewTokens, rolloutTokens }: { maxNewTokens: number; rolloutTokens: number },
): number[] {
  const total = Math.max(
    1,
    lengths.reduce((a, b) => a + b, 0),
  );
  const weight = (length: number): number => {
    if (type === 'bnpo') return 1 / total;
    if (type === 'dr_grpo') return 1 / (maxNewTokens * lengths.length);
    if (type === 'dapo' || type === 'cispo') return 1 / Math.max(1, rolloutTokens);
    return 1 / (length * lengths.length);
  };
  return lengths.map((length) => (length === 0 ? 0 : weight(length)));
}

/** Which completion each target belongs to, for the sequence ratio. */
export type Sequences = {
  /** The target's completion, as an index into `lengths`, int32 `[targets]`; -1 for padding. */
  completion: tf.Tensor1D;
  /** Tokens of each completion, `[completions]`. */
  lengths: tf.Tensor1D;
};

/**
 * rho = exp(l - l_old), or with `sequences` exp of its mean over the completion, the same for all its tokens.
 *
 * @param logProbs,old `[targets]`
 */
export function importanceRatio(logProbs: tf.Tensor1D, old: tf.Tensor1D, sequences?: Sequences): tf.Tensor1D {
  const difference = tf.sub(logProbs, old) as tf.Tensor1D;
  if (!sequences) return tf.exp(difference);
  const member = tf.cast(tf.oneHot(sequences.completion, sequences.lengths.shape[0]), 'float32') as tf.Tensor2D;
  const sum = tf.matMul(member, tf.expandDims(difference, 1), true, false);
  const mean = tf.div(sum, tf.expandDims(sequences.lengths, 1));
  return tf.exp(tf.squeeze(tf.matMul(member, mean as tf.Tensor2D), [1]));
}

/**
 * The terms of the loss, all `[targets]`: `policy` (P_t), `kl` (k3; zeros without a reference), and 1 where the ratio was
 * clipped from below (A < 0) or from above (A > 0).
 *
 * @param ratio from `importanceRatio`
 * @param reference log-probabilities under the reference model
 */
export function policyTerms(
  logProbs: tf.Tensor1D,
  ratio: tf.Tensor1D,
  reference: tf.Tensor1D | undefined,
  advantages: tf.Tensor1D,
  settings: PolicyLossSettings,
): { policy: tf.Tensor; kl: tf.Tensor; clippedLow: tf.Tensor; clippedHigh: tf.Tensor } {
  const { lossType, epsilonLow, epsilonHigh, delta } = settings;
  const both = (a: tf.Tensor, b: tf.Tensor) => tf.cast(tf.logicalAnd(a, b), 'float32');
  const kl = reference ? k3(logProbs, reference) : tf.zerosLike(logProbs);
  const none = tf.zerosLike(logProbs);
  const [gains, losses] = [tf.greater(advantages, 0), tf.less(advantages, 0)];
  if (lossType === 'cispo') {
    const weight = stopGradient(tf.minimum(ratio, epsilonHigh));
    const policy = tf.neg(tf.mul(tf.mul(weight, advantages), logProbs));
    return { policy, kl, clippedLow: none, clippedHigh: both(tf.greater(ratio, epsilonHigh), gains) };
  }
  if (lossType === 'sapo') {
    const positive = tf.cast(gains, 'float32');
    const { sapoTemperaturePositive: high, sapoTemperatureNegative: low } = settings;
    const tau = tf.add(tf.mul(positive, high - low), low);
    const gate = tf.div(tf.mul(tf.sigmoid(tf.mul(tau, tf.sub(ratio, 1))), 4), tau);
    return { policy: tf.neg(tf.mul(gate, advantages)), kl, clippedLow: none, clippedHigh: none };
  }
  const clipped = tf.clipByValue(ratio, 1 - epsilonLow, 1 + epsilonHigh);
  const free = delta > 0 ? tf.minimum(ratio, delta) : ratio;
  const gain = tf.minimum(tf.mul(free, advantages), tf.mul(clipped, advantages));
  return {
    policy: tf.neg(gain),
    kl,
    clippedLow: both(tf.less(ratio, 1 - epsilonLow), losses),
    clippedHigh: both(tf.greater(ratio, 1 + epsilonHigh), gains),
  };
}

/** The estimator k3 of KL(policy, reference), never negative (Schulman 2020, "Approximating KL divergence"). */
function k3(logProbs: tf.Tensor1D, reference: tf.Tensor1D): tf.Tensor {
  const gap = tf.sub(reference, logProbs);
  return tf.sub(tf.sub(tf.exp(gap), gap), 1);
}
