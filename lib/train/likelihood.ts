/** The likelihood step of supervised fine-tuning: weighted cross-entropy of the target tokens, with its gradient. */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';
import type { Qwen2VLConfig } from '../model/configuration.js';
import { hiddenStates, type Targets, type TokenBatch, targetLogProbs } from '../model/qwen2-vl.js';
import type { TensorMap } from './adamw.js';

export type LikelihoodInput = {
  trainable: TensorMap;
  frozen: TensorMap;
  batch: TokenBatch;
  targets: Targets;
  /** How much each target weighs in the loss, `[targets]`; 0 for padding. */
  weights: tf.Tensor1D;
};

export type LikelihoodOutput = {
  gradients: TensorMap;
  /** Sum over targets of weight x -log p, a scalar. */
  loss: tf.Tensor;
  /** Sum of the weights of targets that are the most probable token, a scalar. */
  correct: tf.Tensor;
  /** Sum of weight x entropy of the prediction, in nats, a scalar. */
  entropy: tf.Tensor;
};

/** Compiles the step: `loss = -sum_k w_k log p(token_k)`; the caller chooses the weights so that micro-batches add up. */
export function likelihoodStep(config: Qwen2VLConfig): CompiledStep<LikelihoodInput, LikelihoodOutput> {
  const step = ({ trainable, frozen, batch, targets, weights }: LikelihoodInput) => {
    let statistics: { correct: tf.Tensor; entropy: tf.Tensor } | undefined;
    const { value, grads } = gradientsOf(trainable, (parameters) => {
      const hidden = hiddenStates({ ...frozen, ...parameters }, batch, config);
      const { logProbs, logits } = targetLogProbs({ ...frozen, ...parameters }, hidden, targets);
      const hit = tf.cast(tf.equal(tf.cast(tf.argMax(logits, 1), 'int32'), targets.token), 'float32');
      const entropy = tf.sum(tf.mul(weights, predictionEntropy(logits)));
      statistics = { correct: tf.keep(tf.sum(tf.mul(weights, hit))), entropy: tf.keep(entropy) };
      return tf.neg(tf.sum(tf.mul(weights, logProbs))) as tf.Scalar;
    });
    return { gradients: grads, loss: value, ...statistics! };
  };
  return compile('likelihood', step, { config });
}

/** Entropy of softmax(logits) a row, in nats: `log Z - sum p x`, `[rows]`. */
export function predictionEntropy(logits: tf.Tensor2D): tf.Tensor1D {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  const exp = tf.exp(shifted);
  const total = tf.sum(exp, 1);
  return tf.sub(tf.log(total), tf.div(tf.sum(tf.mul(exp, shifted), 1), total)) as tf.Tensor1D;
}

/**
 * Value and gradients of a scalar function of named tensors. A tensor that the value does not depend on, such as the vision
 * tower's in a batch without images, has a gradient of zeros.
 */
export function gradientsOf(
  parameters: TensorMap,
  f: (parameters: TensorMap) => tf.Scalar,
): { value: tf.Scalar; grads: TensorMap } {
  const names = Object.keys(parameters);
  const tensors = names.map((name) => parameters[name]!);
  // Not tf.valueAndGrads, which throws where one gradient is missing.
  const { value, grads } = tf.engine().gradients(() => f({ ...parameters }), tensors, undefined, true);
  const known = grads as (tf.Tensor | null | undefined)[];
  return { value, grads: Object.fromEntries(names.map((name, i) => [name, known[i] ?? tf.zerosLike(tensors[i]!)])) };
}
