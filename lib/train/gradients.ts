/** Gradients of a loss, and their sum over the micro-batches of one update. */
import * as tf from '@tensorflow/tfjs';
import type { TensorMap } from './adamw.js';

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

/** Adds two gradients name by name and frees both. */
export function addGradients(sum: TensorMap, next: TensorMap): TensorMap {
  const added: TensorMap = {};
  for (const name of Object.keys(next)) {
    added[name] = tf.add(sum[name]!, next[name]!);
    tf.dispose([sum[name]!, next[name]!]);
  }
  return added;
}
