/** Gradients that add up over the micro-batches of one update. */
import * as tf from '@tensorflow/tfjs';
import type { TensorMap } from './adamw.js';

/** The sum of two gradients, name by name; both are freed. */
export function addGradients(sum: TensorMap, next: TensorMap): TensorMap {
  const added: TensorMap = {};
  for (const name of Object.keys(next)) {
    added[name] = tf.add(sum[name]!, next[name]!);
    tf.dispose([sum[name]!, next[name]!]);
  }
  return added;
}
