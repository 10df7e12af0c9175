/** Gradient checkpointing (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost): compute again instead of keeping. */
import * as tf from '@tensorflow/tfjs';
import { runAfter } from './record.js';

/**
 * Computes `f(inputs, others)` and keeps only its arguments for the backward pass, which computes the rest again. This costs about
 * a third more computation, and a layer's intermediate tensors live only while the layer is worked on.
 *
 * @param f a pure function; all tensors that it needs must come through its arguments
 * @param inputs tensors that the gradient flows to
 * @param others tensors that the gradient does not flow to
 */
export function checkpointed<T extends tf.Tensor>(
  f: (inputs: tf.Tensor[], others: tf.Tensor[]) => T,
  inputs: readonly tf.Tensor[],
  others: readonly tf.Tensor[],
): T {
  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const tensors = args as tf.Tensor[];
    save([...tensors, ...others]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      // The second computation waits for the gradient. Without that the graph would reuse the first one's tensors, and keep them.
      const delayed = saved.slice(0, tensors.length).map((x) => runAfter(x, dy));
      return innerGradients((inputs) => f(inputs, saved.slice(tensors.length)), delayed, dy);
    };
    return { value: f(tensors, [...others]), gradFunc };
  });
  return operation(...inputs) as T;
}

/** Gradients of a function inside the backward pass of another. */
function innerGradients(f: (inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
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
