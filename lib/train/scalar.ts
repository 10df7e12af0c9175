/** Reads a step's scalars. */
import type * as tf from '@tensorflow/tfjs';

/** A scalar's value; the tensor is freed. */
export function readScalar(x: tf.Tensor): number {
  const value = x.dataSync()[0] as number;
  x.dispose();
  return value;
}
