/** Gradient checkpointing (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost): compute again instead of keeping. */
import * as tf from '@tensorflow/tfjs';
import { runAfter } from './compile.js';

/**
 * `f(inputs, others)` of which the backward pass keeps the inputs alone and computes the rest again: about a third more
 * computation, and a layer's intermediate tensors live only while that layer is worked on.
 *
 * @param f pure; whatever tensors it needs must come through its arguments
 * @param inputs the gradient flows to each
 * @param others the gradient does not flow to these
 */
export function checkpointed<T extends tf.Tensor>(
  f: (inputs: tf.Tensor[], others: tf.Tensor[]) => T,
  inputs: readonly tf.Tensor[],
  others: readonly tf.Tensor[],
): T {
  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const given = args as tf.Tensor[];
    save([...given, ...others]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      // Held back until the gradient arrives, and then not the tensors of the forward pass again.
      const again = saved.slice(0, given.length).map((x) => runAfter(x, dy));
      return gradientsAgain((some) => f(some, saved.slice(given.length)), again, dy);
    };
    return { value: f(given, [...others]), gradFunc };
  });
  return operation(...inputs) as T;
}

/** Gradients of a function inside the backward pass of another. */
function gradientsAgain(f: (inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  const { state } = tf.engine() as unknown as { state: { activeTape: unknown } };
  // tfjs drops the tape when the inner gradient is done, and the outer one still frees what its own tape keeps.
  const outer = state.activeTape;
  try {
    const { grads } = tf.engine().gradients(() => f(inputs), inputs, dy, true);
    return inputs.map((x, i) => grads[i] ?? tf.zerosLike(x));
  } finally {
    state.activeTape = outer;
  }
}
