/** Dropout (Srivastava et al. 2014) whose draws follow from a seed in a tensor, so that a recorded step draws anew each time it is replayed. */
import * as tf from '@tensorflow/tfjs';
import { Random } from './random.js';
import { isTensorFlow, nodeBackend, typeAttribute } from './tfjs-node.js';

/**
 * Sets each entry to 0 with probability `rate`, and divides the others by 1 - rate, as PyTorch's `Dropout` does in training.
 *
 * Equal seeds draw alike, whatever was drawn before: in a backward pass that computes the step again, and after a resume.
 *
 * @param rate a scalar in [0, 1)
 * @param seed int32 `[2]`
 */
export function dropout<T extends tf.Tensor>(x: T, rate: tf.Tensor, seed: tf.Tensor): T {
  const isLeft = tf.cast(tf.greaterEqual(uniformFrom(x.shape, seed), rate), 'float32');
  return tf.mul(x, tf.div(isLeft, tf.sub(1, rate))) as T;
}

/** Numbers in [0, 1) that follow from the seed alone (Philox, Salmon et al. 2011, on TensorFlow). */
function uniformFrom(shape: readonly number[], seed: tf.Tensor): tf.Tensor {
  if (!isTensorFlow()) {
    const random = new Random(0, [...seed.dataSync()].join('/'));
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.fround(random.uniform()));
    return tf.tensor(values, [...shape]);
  }
  const { TF_FLOAT, TF_INT32 } = nodeBackend().binding;
  const types = { dtype: TF_FLOAT, T: TF_INT32, Tseed: TF_INT32 };
  const attributes = Object.entries(types).map(([name, type]) => typeAttribute(name, type));
  return nodeBackend().executeSingleOutput('StatelessRandomUniform', attributes, [
    tf.tensor1d([...shape], 'int32'),
    seed,
  ]);
}
