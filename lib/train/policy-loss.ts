/**
 * The policy losses, token by token, and how they are averaged.
 *
 * With l the log-probability of a sampled token, rho = exp(l - l_old) its importance ratio, A its completion's advantage and
 * k3 = exp(l_ref - l) - (l_ref - l) - 1 (Schulman 2020), the loss of a batch is the sum over tokens of
 *
 *     w_t (P_t + beta k3)
 *
 * where P_t is the policy term of the loss type (`policyTerms`) and w_t its average's weight (`tokenWeights`). With
 * `unbiasedKl` the KL term is beta rho k3. The weights are chosen on the host, so that however a batch is cut into
 * micro-batches, losses and gradients add up to the same update.
 */
import * as tf from '@tensorflow/tfjs';
import { stopGradient, withoutGradient } from '../engine/operations.js';

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
 * | `luspo` | as gspo | sum over a completion's tokens, mean over completions | LUSPO, arXiv 2602.05261 |
 * | `vespo` | -stopgrad(phi(W)) A l, where W is the product of a completion's rho and phi(W) = W^k exp(lambda (1 - W)); k and lambda by the sign of A | as dapo | VESPO, arXiv 2602.10693 |
 */
export const LOSS_TYPES = ['grpo', 'bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', 'gspo', 'luspo', 'vespo'] as const;
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
  /** Exponent k and decay lambda of vespo's weight, for A of 0 or more, and for A below 0. */
  vespoExponentPositive: number;
  vespoDecayPositive: number;
  vespoExponentNegative: number;
  vespoDecayNegative: number;
  /**
   * Leaves a completion with A < 0 out of the policy term if its mean l_old - l is above this: the policy has moved away from it already
   * (off-policy sequence mask, DeepSeek-V3.2, arXiv 2512.02556, equation 9). 0: no mask.
   */
  offPolicyThreshold: number;
  /** Weight of the KL term; 0: no reference model. */
  beta: number;
  /**
   * Multiplies k3 by the importance ratio. The gradient is then that of the KL of the current policy although the tokens are those of
   * the policy that sampled them (DeepSeek-V3.2, arXiv 2512.02556; TRL `use_bias_correction_kl`). It changes the gradient on policy
   * too, where the ratio is 1. With the sequence ratio the KL is no longer unbiased.
   */
  unbiasedKl: boolean;
}

/** Whether one ratio holds for a whole completion. */
function hasSequenceRatio({ lossType, ratioLevel }: Pick<PolicyLossSettings, 'lossType' | 'ratioLevel'>): boolean {
  return lossType === 'gspo' || lossType === 'luspo' || ratioLevel === 'sequence';
}

/** Whether the loss has to know which completion each token belongs to. */
export function needsSequences(
  settings: Pick<PolicyLossSettings, 'lossType' | 'ratioLevel' | 'offPolicyThreshold'>,
): boolean {
  return hasSequenceRatio(settings) || settings.lossType === 'vespo' || settings.offPolicyThreshold > 0;
}

/**
 * The weight of each completion's tokens in the loss of one update.
 *
 * @param lengths tokens that count in each completion of the update; 0 for one that is masked out
 * @param options.maxNewTokens the length limit, for `dr_grpo`
 * @param options.rolloutTokens tokens that count in the whole rollout, over its number of updates, for `dapo`, `cispo` and `vespo`
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
    if (type === 'luspo') return 1 / lengths.length;
    if (type === 'dapo' || type === 'cispo' || type === 'vespo') return 1 / Math.max(1, rolloutTokens);
    return 1 / (length * lengths.length);
  };
  return lengths.map((length) => (length === 0 ? 0 : weight(length)));
}

/** Which completion each target belongs to. */
export type Sequences = {
  /** The target's completion, as an index into `lengths`, int32 `[targets]`; -1 for padding. */
  completion: tf.Tensor1D;
  /** Tokens of each completion, `[completions]`. */
  lengths: tf.Tensor1D;
};

/** The sum or mean of each completion's values, given back to each of its tokens; 0 for padding. @param values `[targets]` */
function overCompletion(statistic: 'sum' | 'mean', values: tf.Tensor, { completion, lengths }: Sequences): tf.Tensor1D {
  const member = tf.cast(tf.oneHot(completion, lengths.shape[0]), 'float32') as tf.Tensor2D;
  const sum = tf.matMul(member, tf.expandDims(values, 1), true, false);
  const result = statistic === 'mean' ? tf.div(sum, tf.expandDims(lengths, 1)) : sum;
  return tf.squeeze(tf.matMul(member, result as tf.Tensor2D), [1]);
}

/** What the policy loss is made of, for each target; all `[targets]`. */
export interface PolicyTargets {
  logProbs: tf.Tensor1D;
  /** At sampling. */
  old: tf.Tensor1D;
  /** Under the reference model; absent without a KL term. */
  reference?: tf.Tensor1D;
  /** Those of the targets' completions. */
  advantages: tf.Tensor1D;
  /** Present if `needsSequences`. */
  sequences?: Sequences;
}

/** rho = exp(l - l_old), or with the sequence ratio exp of its mean over the completion, the same for all its tokens. `[targets]` */
function importanceRatio(
  { logProbs, old, sequences }: Pick<PolicyTargets, 'logProbs' | 'old' | 'sequences'>,
  settings: Pick<PolicyLossSettings, 'lossType' | 'ratioLevel'>,
): tf.Tensor1D {
  const difference = tf.sub(logProbs, old) as tf.Tensor1D;
  return tf.exp(hasSequenceRatio(settings) ? overCompletion('mean', difference, sequences!) : difference);
}

/**
 * The terms of the loss, all `[targets]`: `policy` (P_t), `kl` (k3, with `unbiasedKl` times the ratio; zeros without a reference), and 1
 * where the ratio was clipped from below (A < 0) or from above (A > 0).
 */
export function policyTerms(
  targets: PolicyTargets,
  settings: PolicyLossSettings,
): { policy: tf.Tensor; kl: tf.Tensor; clippedLow: tf.Tensor; clippedHigh: tf.Tensor } {
  const { logProbs, reference } = targets;
  const ratio = importanceRatio(targets, settings);
  const terms = clippedTerms(targets, ratio, settings);
  const estimate = reference ? k3(logProbs, reference) : tf.zerosLike(logProbs);
  return {
    ...terms,
    policy: settings.offPolicyThreshold > 0 ? tf.mul(terms.policy, onPolicyMask(targets, settings)) : terms.policy,
    kl: settings.unbiasedKl && reference ? tf.mul(estimate, ratio) : estimate,
  };
}

/** The policy term of the loss type, and where its ratio was clipped. */
function clippedTerms(
  targets: PolicyTargets,
  ratio: tf.Tensor1D,
  settings: PolicyLossSettings,
): { policy: tf.Tensor; clippedLow: tf.Tensor; clippedHigh: tf.Tensor } {
  const { logProbs, advantages } = targets;
  const { lossType, epsilonLow, epsilonHigh, delta } = settings;
  const both = (a: tf.Tensor, b: tf.Tensor) => tf.cast(tf.logicalAnd(a, b), 'float32');
  const none = tf.zerosLike(logProbs);
  const [gains, losses] = [tf.greater(advantages, 0), tf.less(advantages, 0)];
  if (lossType === 'cispo') {
    const weight = stopGradient(tf.minimum(ratio, epsilonHigh));
    const policy = tf.neg(tf.mul(tf.mul(weight, advantages), logProbs));
    return { policy, clippedLow: none, clippedHigh: both(tf.greater(ratio, epsilonHigh), gains) };
  }
  if (lossType === 'vespo') {
    const policy = tf.neg(tf.mul(tf.mul(vespoWeight(targets, settings), advantages), logProbs));
    return { policy, clippedLow: none, clippedHigh: none };
  }
  if (lossType === 'sapo') {
    const positive = tf.cast(gains, 'float32');
    const { sapoTemperaturePositive: high, sapoTemperatureNegative: low } = settings;
    const tau = tf.add(tf.mul(positive, high - low), low);
    const gate = tf.div(tf.mul(tf.sigmoid(tf.mul(tau, tf.sub(ratio, 1))), 4), tau);
    return { policy: tf.neg(tf.mul(gate, advantages)), clippedLow: none, clippedHigh: none };
  }
  const clipped = tf.clipByValue(ratio, 1 - epsilonLow, 1 + epsilonHigh);
  const free = delta > 0 ? tf.minimum(ratio, delta) : ratio;
  const gain = tf.minimum(tf.mul(free, advantages), tf.mul(clipped, advantages));
  return {
    policy: tf.neg(gain),
    clippedLow: both(tf.less(ratio, 1 - epsilonLow), losses),
    clippedHigh: both(tf.greater(ratio, 1 + epsilonHigh), gains),
  };
}

/** Bounds of log-ratios in vespo, as in its authors' code: of one token, and of a completion from below (the logarithm of 1e-8). */
const VESPO_BOUND = 20;
const VESPO_LOWEST = Math.log(1e-8);

/** phi(W) = exp(k log W + lambda (1 - W)), 1 where the policy has not moved (W = 1). It has no gradient. */
function vespoWeight({ logProbs, old, advantages, sequences }: PolicyTargets, settings: PolicyLossSettings): tf.Tensor {
  const difference = tf.clipByValue(stopGradient(tf.sub(logProbs, old)), -VESPO_BOUND, VESPO_BOUND);
  const logRatio = tf.clipByValue(overCompletion('sum', difference, sequences!), VESPO_LOWEST, VESPO_BOUND);
  const negative = tf.cast(tf.less(advantages, 0), 'float32');
  const bySign = (positive: number, other: number) => tf.add(tf.mul(negative, other - positive), positive);
  const exponent = bySign(settings.vespoExponentPositive, settings.vespoExponentNegative);
  const decay = bySign(settings.vespoDecayPositive, settings.vespoDecayNegative);
  return tf.exp(tf.add(tf.mul(exponent, logRatio), tf.mul(decay, tf.sub(1, tf.exp(logRatio)))));
}

/** 0 for the tokens of a completion with A < 0 whose mean l_old - l is above the threshold, else 1. It has no gradient. */
function onPolicyMask(
  { logProbs, old, advantages, sequences }: PolicyTargets,
  { offPolicyThreshold }: PolicyLossSettings,
): tf.Tensor {
  return withoutGradient((current) => {
    const distance = overCompletion('mean', tf.sub(old, current), sequences!);
    const isFar = tf.logicalAnd(tf.less(advantages, 0), tf.greater(distance, offPolicyThreshold));
    return tf.sub(1, tf.cast(isFar, 'float32'));
  }, logProbs);
}

/** The estimator k3 of KL(policy, reference), never negative (Schulman 2020, "Approximating KL divergence"). */
function k3(logProbs: tf.Tensor1D, reference: tf.Tensor1D): tf.Tensor {
  const gap = tf.sub(reference, logProbs);
  return tf.sub(tf.sub(tf.exp(gap), gap), 1);
}
