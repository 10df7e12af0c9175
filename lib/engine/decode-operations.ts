/**
 * The kit's own operations of TensorFlow (`kernels/`), for what decoding computes between matrix products. They have no gradients, and
 * each of them runs on one thread.
 */
import * as tf from '@tensorflow/tfjs';
import { asksXla, givesOneThread } from './backend.js';
import { nodeBackend, type OperationAttribute } from './tfjs-node.js';

/**
 * Whether decoding is to use them: where TensorFlow computes on the CPU with one thread for an operation, and not XLA, which does not know
 * them. With more threads for each operation, TensorFlow's own operations use more cores.
 */
export function usesDecodeOperations(): boolean {
  if (!givesOneThread() || nodeBackend().binding.isUsingGpuDevice() || asksXla()) return false;
  if (nodeBackend().binding.hasOperations) return true;
  throw new Error(
    'engine: the binding to TensorFlow was built from older sources and lacks the operations that decoding runs; npm start builds it anew',
  );
}

function execute(
  operation: string,
  inputs: tf.Tensor[],
  outputs: number,
  numbers: { eps?: number; temperature?: number; step?: number; size?: number; place?: number } = {},
): tf.Tensor[] {
  const backend = nodeBackend();
  const { TF_ATTR_FLOAT, TF_ATTR_INT } = backend.binding;
  const attributes = Object.entries(numbers).map(
    ([name, value]): OperationAttribute => ({
      ...{ name, value },
      type: name === 'eps' || name === 'temperature' ? TF_ATTR_FLOAT : TF_ATTR_INT,
    }),
  );
  return backend.executeMultipleOutputs(operation, attributes, inputs, outputs);
}

/** `rmsNorm` of `x` `[rows, width]`. */
export function normRows(x: tf.Tensor2D, weight: tf.Tensor, eps: number): tf.Tensor2D {
  return execute('ReasonRftNorm', [x, weight], 1, { eps })[0] as tf.Tensor2D;
}

/** `x + delta` and its `rmsNorm`, all `[rows, width]`. */
export function addAndNormRows(
  x: tf.Tensor2D,
  delta: tf.Tensor2D,
  weight: tf.Tensor,
  eps: number,
): { sum: tf.Tensor2D; normed: tf.Tensor2D } {
  const [sum, normed] = execute('ReasonRftAddNorm', [x, delta, weight], 2, { eps }) as [tf.Tensor2D, tf.Tensor2D];
  return { sum, normed };
}

/** `swiGlu` of gate and up that stand side by side, `[rows, 2 x inner]` to `[rows, inner]`. */
export function swiGluOfRows(gateAndUp: tf.Tensor2D): tf.Tensor2D {
  return execute('ReasonRftSwiGlu', [gateAndUp], 1)[0] as tf.Tensor2D;
}

/** What one new token of each row attends to. Rows are prompts x slots. */
export interface TokenAttention {
  /** Queries, keys and values side by side, before their positions, `[rows, (heads + 2 keyValueHeads) x headSize]`. */
  qkv: tf.Tensor2D;
  /** Added to each row of `qkv`, where there is one. */
  bias: tf.Tensor | undefined;
  /** The weights of the norms of queries' and keys' heads, `[(heads + keyValueHeads) x headSize]`, where there are any. */
  headNorms: tf.Tensor | undefined;
  /** Of the rotary angles of all of a chunk's tokens, `[chunk, rows, headSize / 2]`. */
  angles: { cos: tf.Tensor; sin: tf.Tensor };
  /** Keys and values `[prompts, keyValueHeads, width, headSize]`; the bias `[prompts, width]`, 0 behind the padding on the left. */
  prompt: { keys: tf.Tensor; values: tf.Tensor; bias: tf.Tensor };
  /** Keys and values `[prompts, keyValueHeads, slots, window, headSize]`; the bias `[window]`, 0 behind the empty places on the left. */
  window: { keys: tf.Tensor; values: tf.Tensor; bias: tf.Tensor };
}

/**
 * Adds the bias, norms the heads, turns queries and keys to their positions, writes keys and values into the window, and attends to the
 * prompt and to the window up to that place.
 *
 * @param step the token's number in the chunk, which picks its angles
 * @param place its place in the window
 * @returns what was attended to, `[rows, heads x headSize]`, and the window's keys and values with the token's
 */
export function attendToken(
  { qkv, bias, headNorms, angles, prompt, window }: TokenAttention,
  { headSize, eps, step, place }: { headSize: number; eps: number; step: number; place: number },
): { attended: tf.Tensor2D; keys: tf.Tensor5D; values: tf.Tensor5D } {
  const absent = () => tf.tensor1d([], 'float32');
  const inputs = [
    ...[qkv, bias ?? absent(), headNorms ?? absent(), angles.cos, angles.sin],
    ...[prompt.keys, prompt.values, prompt.bias, window.bias, window.keys, window.values],
  ];
  const outputs = execute('ReasonRftAttention', inputs, 3, { eps, size: headSize, step, place });
  const [attended, keys, values] = outputs as [tf.Tensor2D, tf.Tensor5D, tf.Tensor5D];
  return { attended, keys, values };
}

/**
 * Draws a token for each row from softmax(logits / temperature), or takes the most probable one, the first of equal ones, at temperature
 * 0. A row that has ended gets the first end token.
 *
 * @param logits `[rows, vocab]`
 * @param uniform numbers in [0, 1) for all of a chunk's tokens, `[chunk, rows]`
 * @param done 1 where a row has ended, int32 `[rows]`
 * @param step the token's number in the chunk, which picks its numbers
 * @returns int32 tokens, the log-probabilities of what was drawn (at temperature 1 when greedy), and `done` with the rows that end here
 */
export function drawTokens(
  logits: tf.Tensor2D,
  uniform: tf.Tensor2D,
  done: tf.Tensor1D,
  endTokenIds: readonly number[],
  temperature: number,
  step: number,
): { tokens: tf.Tensor1D; logProbs: tf.Tensor1D; done: tf.Tensor1D } {
  const inputs = [logits, uniform, done, tf.tensor1d([...endTokenIds], 'int32')];
  const [tokens, logProbs, doneAfter] = execute('ReasonRftDraw', inputs, 3, { temperature, step }) as [
    tf.Tensor1D,
    tf.Tensor1D,
    tf.Tensor1D,
  ];
  return { tokens, logProbs, done: doneAfter };
}
