/**
 * The GRPO loss of a batch of completions and its gradient, as one compiled step.
 *
 * Per token, with rho = exp(l - l_old), advantage A, and k3 = exp(l_ref - l) - (l_ref - l) - 1 (Schulman 2020):
 *
 *     L_t = -min(rho A, clip(rho, 1 - eps, 1 + epsHigh) A) + beta k3        (Shao et al. 2024, equations 3 and 4)
 *
 * and the loss is the sum of w_t L_t. The weights w_t are chosen on the host (`tokenWeights`), so that however a batch is
 * cut into micro-batches their losses and gradients add up to the same update.
 */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';
import type { Qwen2VLConfig } from '../model/configuration.js';
import { hiddenStates, type Targets, type TokenBatch, targetLogProbs } from '../model/qwen2-vl.js';
import type { TensorMap } from './adamw.js';
import { gradientsOf, predictionEntropy } from './likelihood.js';

/**
 * How token losses are averaged: `grpo` over the tokens of a completion, then over completions; `bnpo` over all tokens of the
 * batch; `dr_grpo` over completions x the length limit (Liu et al. 2025); `dapo` over all tokens of the generation batch,
 * which is `bnpo` where a step generates its batch once (Yu et al. 2025, equation 8).
 */
export type LossType = 'grpo' | 'bnpo' | 'dr_grpo' | 'dapo';

/**
 * The weight of each token of each completion in the loss.
 *
 * @param lengths tokens that count in each completion of the whole batch; 0 for one that is masked out
 * @param maxNewTokens the length limit, for `dr_grpo`
 * @returns one weight a completion, the same for all its tokens
 */
export function tokenWeights(type: LossType, lengths: readonly number[], maxNewTokens: number): number[] {
  const total = Math.max(
    1,
    lengths.reduce((a, b) => a + b, 0),
  );
  return lengths.map((length) => {
    if (type === 'grpo') return 1 / (Math.max(length, 1) * lengths.length);
    if (type === 'dr_grpo') return 1 / (maxNewTokens * lengths.length);
    return 1 / total;
  });
}

export interface PolicyLossSettings {
  /** Lower and upper distance of the ratio's clipping range from 1. */
  epsilonLow: number;
  epsilonHigh: number;
  /** Weight of the KL term; 0: no reference model. */
  beta: number;
  /** Logits are divided by it before the softmax: 1 as in Reason-RFT, the sampling temperature as in TRL. */
  temperature: number;
}

export type PolicyInput = {
  trainable: TensorMap;
  frozen: TensorMap;
  /** Parameters of the reference model; empty when beta is 0. */
  reference: TensorMap;
  batch: TokenBatch;
  targets: Targets;
  /** The completion's advantage for each target, `[targets]`. */
  advantages: tf.Tensor1D;
  /** w_t, `[targets]`; 0 for padding. */
  weights: tf.Tensor1D;
  /** 1 / tokens of the whole batch for each token that counts, else 0, `[targets]`: for the metrics. */
  shares: tf.Tensor1D;
  /** log-probability at sampling, `[targets]`; absent where the weights have not moved since, and rho is exp(l - stopgrad l). */
  old?: tf.Tensor1D;
};

export type PolicyOutput = {
  gradients: TensorMap;
  loss: tf.Tensor;
  /** Mean k3 over tokens. */
  kl: tf.Tensor;
  /** Mean entropy of the predictions over tokens, in nats. */
  entropy: tf.Tensor;
  /** Share of tokens whose ratio was clipped from below (A < 0) and from above (A > 0). */
  clippedLow: tf.Tensor;
  clippedHigh: tf.Tensor;
  /** Log-probability of each target before the update, `[targets]`. */
  logProbs: tf.Tensor;
};

/** Compiles the step for one model and one set of constants. */
export function policyStep(
  config: Qwen2VLConfig,
  settings: PolicyLossSettings,
): CompiledStep<PolicyInput, PolicyOutput> {
  const { temperature, beta } = settings;
  return compile('policy', (input: PolicyInput) => {
    const { trainable, frozen, reference, batch, targets, weights, shares } = input;
    const referenceLogProbs =
      beta > 0
        ? targetLogProbs(reference, hiddenStates(reference, batch, config), targets, temperature).logProbs
        : undefined;
    let seen: Omit<PolicyOutput, 'gradients' | 'loss'> | undefined;
    const { value, grads } = gradientsOf(trainable, (some) => {
      const parameters = { ...frozen, ...some };
      const { logProbs, logits } = targetLogProbs(
        parameters,
        hiddenStates(parameters, batch, config),
        targets,
        temperature,
      );
      const terms = policyTerms(
        logProbs,
        input.old ?? stopGradient(logProbs),
        referenceLogProbs,
        input.advantages,
        settings,
      );
      const average = (x: tf.Tensor) => tf.keep(tf.sum(tf.mul(shares, x)));
      seen = {
        kl: average(terms.kl),
        entropy: average(predictionEntropy(logits)),
        clippedLow: average(terms.clippedLow),
        clippedHigh: average(terms.clippedHigh),
        logProbs: tf.keep(tf.clone(logProbs)),
      };
      return tf.sum(tf.mul(weights, terms.loss)) as tf.Scalar;
    });
    return { gradients: grads, loss: value, ...seen! };
  });
}

/** A tensor's value without its gradient. */
function stopGradient(x: tf.Tensor1D): tf.Tensor1D {
  const operation = tf.customGrad((...args) => {
    const value = tf.clone(args[0] as tf.Tensor1D);
    return { value, gradFunc: (dy: tf.Tensor) => [tf.zerosLike(dy)] };
  });
  return operation(x) as tf.Tensor1D;
}

/** Token losses L_t and what is reported of them, all `[targets]`. */
export function policyTerms(
  logProbs: tf.Tensor1D,
  old: tf.Tensor1D,
  reference: tf.Tensor1D | undefined,
  advantages: tf.Tensor1D,
  { epsilonLow, epsilonHigh, beta }: PolicyLossSettings,
): { loss: tf.Tensor; kl: tf.Tensor; clippedLow: tf.Tensor; clippedHigh: tf.Tensor } {
  const ratio = tf.exp(tf.sub(logProbs, old));
  const bounded = tf.clipByValue(ratio, 1 - epsilonLow, 1 + epsilonHigh);
  const gain = tf.minimum(tf.mul(ratio, advantages), tf.mul(bounded, advantages));
  const both = (a: tf.Tensor, b: tf.Tensor) => tf.cast(tf.logicalAnd(a, b), 'float32');
  const clippedLow = both(tf.less(ratio, 1 - epsilonLow), tf.less(advantages, 0));
  const clippedHigh = both(tf.greater(ratio, 1 + epsilonHigh), tf.greater(advantages, 0));
  if (!reference) return { loss: tf.neg(gain), kl: tf.zerosLike(logProbs), clippedLow, clippedHigh };
  const gap = tf.sub(reference, logProbs);
  const kl = tf.sub(tf.sub(tf.exp(gap), gap), 1);
  return { loss: tf.add(tf.neg(gain), tf.mul(kl, beta)), kl, clippedLow, clippedHigh };
}
