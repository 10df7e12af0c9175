/** The likelihood step of supervised fine-tuning: the weighted loss of the target tokens, with its gradient. */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';
import { stopGradient } from '../engine/operations.js';
import type { ModelConfig } from '../model/configuration.js';
import { hiddenStates } from '../model/hidden-states.js';
import { headOf, predictTargets, type Targets } from '../model/log-probability.js';
import { DROPOUT_SEED } from '../model/projection.js';
import type { ModelWeights, TokenBatch } from '../model/tensors.js';
import type { TensorMap } from './adamw.js';
import { gradientsOf } from './gradients.js';

/**
 * The loss of a target token of probability p.
 *
 * | type | loss | source |
 * |---|---|---|
 * | `nll` | -log p | cross-entropy |
 * | `dft` | -stopgrad(p) log p | Dynamic Fine-Tuning, Wu et al. 2025, equation 9 |
 */
export const SFT_LOSS_TYPES = ['nll', 'dft'] as const;
export type SftLossType = (typeof SFT_LOSS_TYPES)[number];

export type LikelihoodInput = {
  trainable: TensorMap;
  frozen: ModelWeights;
  batch: TokenBatch;
  targets: Targets;
  /** How much each target weighs in the loss, `[targets]`; 0 for padding. */
  weights: tf.Tensor1D;
  /** Present where adapters have dropout; see `DROPOUT_SEED`. */
  dropoutSeed?: tf.Tensor1D;
};

export type LikelihoodOutput = {
  gradients: TensorMap;
  /** Sum over targets of weight x loss, a scalar. */
  loss: tf.Tensor;
  /** Sum of the weights of targets that are the most probable token, a scalar. */
  correct: tf.Tensor;
  /** Sum of weight x entropy of the prediction, in nats, a scalar. */
  entropy: tf.Tensor;
};

/**
 * Compiles the step: `loss = sum_k w_k loss(token_k)`; the caller chooses the weights so that micro-batches add up.
 *
 * @param lossType the loss of a token
 * @param checkpoint whether the backward pass computes each layer again: less memory, a third more time, the same numbers
 */
export function likelihoodStep(
  config: ModelConfig,
  lossType: SftLossType = 'nll',
  checkpoint = false,
): CompiledStep<LikelihoodInput, LikelihoodOutput> {
  return compile('likelihood', likelihoodGradient, { config, lossType, checkpoint });
}

/** Loss, statistics and gradient of one micro-batch. */
function likelihoodGradient(
  { trainable, frozen, batch, targets, weights, dropoutSeed }: LikelihoodInput,
  { config, lossType, checkpoint }: { config: ModelConfig; lossType: SftLossType; checkpoint: boolean },
): LikelihoodOutput {
  let statistics: { correct: tf.Tensor; entropy: tf.Tensor } | undefined;
  const { value, grads } = gradientsOf(trainable, (moved) => {
    const parameters = { ...frozen, ...moved, ...(dropoutSeed && { [DROPOUT_SEED]: dropoutSeed }) };
    const hidden = hiddenStates(parameters, batch, config, { checkpoint });
    const headIsFrozen = Object.values(frozen).includes(headOf(parameters));
    const { logProbs, entropies, hits } = predictTargets(parameters, hidden, targets, { headIsFrozen });
    const sum = (x: tf.Tensor) => tf.keep(tf.sum(tf.mul(weights, x)));
    statistics = { correct: sum(hits), entropy: sum(entropies) };
    const tokenWeights = lossType === 'dft' ? tf.mul(weights, stopGradient(tf.exp(logProbs))) : weights;
    return tf.neg(tf.sum(tf.mul(tokenWeights, logProbs))) as tf.Scalar;
  });
  return { gradients: grads, loss: value, ...statistics! };
}
