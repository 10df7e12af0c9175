/** Attention in chunks or in blocks is attention: the same outputs and gradients as over whole scores, in bounded memory. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';
import { attendUnder } from '../../lib/model/attention.js';
import { attendInChunks, chunkLength, tensorBias } from '../../lib/model/chunked-attention.js';

before(async () => {
  await startEngine();
});

type Inputs = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; bias: tf.Tensor; weights: tf.Tensor };
type Attend = (inputs: Inputs) => tf.Tensor;

const drawn = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** Tokens of a row: enough for two blocks, and for three chunks of 64. */
const TOKENS = 170;

/** Two rows of size 8, the last 30 tokens of the second row padding; `heads` for queries, 3 for keys and values. */
function inputs(heads: number, bias: tf.Tensor): Inputs {
  return {
    q: drawn([2, heads, TOKENS, 8], 1),
    k: drawn([2, 3, TOKENS, 8], 2),
    v: drawn([2, 3, TOKENS, 8], 3),
    bias,
    weights: drawn([2, heads, TOKENS, 8], 4),
  };
}

const padding = () =>
  tf.tensor5d(
    Array.from({ length: 2 * TOKENS }, (_, i) => (i >= 2 * TOKENS - 30 ? -1e9 : 0)),
    [2, 1, 1, 1, TOKENS],
  );

/** Attention by its definition, over whole scores, every key-value head repeated for its query heads. */
function byDefinition({ q, k, v, bias }: Inputs): tf.Tensor {
  const [batch, heads, tokens, size] = q.shape as [number, number, number, number];
  const repeated = (x: tf.Tensor) =>
    tf.reshape(tf.stack(Array<tf.Tensor>(heads / 3).fill(x), 2), [batch, heads, tokens, size]);
  const scores = tf.div(tf.matMul(q, repeated(k), false, true), Math.sqrt(size));
  return tf.matMul(tf.softmax(tf.add(scores, tf.squeeze(bias, [1]))), repeated(v));
}

/** Outputs, and the gradients of their weighted sum. */
function withGradients(inputs: Inputs, attend: Attend) {
  const loss = (...tensors: tf.Tensor[]) => {
    const [q, k, v] = tensors as [tf.Tensor, tf.Tensor, tf.Tensor];
    return tf.sum(tf.mul(attend({ ...inputs, q, k, v }), inputs.weights)) as tf.Scalar;
  };
  const [dq, dk, dv] = tf.grads(loss)([inputs.q, inputs.k, inputs.v]) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { output: attend(inputs), dq, dk, dv };
}

/** Chunks of 64, 64 and 42 queries; of a causal mask they look at 64, 128 and 170 keys. */
const inChunks =
  (isCausal: boolean): Attend =>
  ({ q, k, v, bias }) =>
    attendInChunks(q, k, v, tensorBias(bias, isCausal), 64);

/** A causal mask in which the second row's last 30 tokens are padding. */
function causal(): tf.Tensor {
  const order = tf.range(0, TOKENS, 1, 'float32');
  const later = tf.cast(tf.greater(tf.expandDims(order, 0), tf.expandDims(order, 1)), 'float32');
  return tf.minimum(tf.reshape(tf.mul(later, -1e9), [1, 1, 1, TOKENS, TOKENS]), padding());
}

/** Blocks of 85 and 85 queries, which look at 85 and 170 keys. */
const inBlocks: Attend = ({ q, k, v, bias }) => attendUnder(bias, q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D);

for (const [name, heads, bias, attend] of [
  ['chunks, one mask for all queries, a key-value head for each', 3, padding, inChunks(false)],
  ['chunks, a mask of its own for each query, two query heads to a key-value head', 6, causal, inChunks(false)],
  ['chunks, a causal mask, whose later keys are passed over', 6, causal, inChunks(true)],
  ['blocks, a causal mask, whose later keys are passed over', 6, causal, inBlocks],
] as const) {
  test(`${name}: outputs and gradients are those of whole scores, eagerly and compiled`, () => {
    const given = inputs(heads, bias());
    const whole = withGradients(given, byDefinition);
    const chunked = {
      eager: withGradients(given, attend),
      compiled: compile('attention', (x: Inputs) => withGradients(x, attend))(given),
    };
    for (const [how, results] of Object.entries(chunked)) {
      for (const [tensor, values] of Object.entries(results)) {
        const difference = tf.max(tf.abs(tf.sub(values, whole[tensor as keyof typeof whole]))).dataSync()[0]!;
        assert.ok(difference < 2e-5, `${how} ${tensor} differs by ${difference}`);
      }
    }
  });
}

test('chunks are cut where whole scores would be large, and hold 64 queries at least', () => {
  // 4 bytes x 2 rows x 3 heads x 100 keys are 2,400 a query.
  assert.equal(chunkLength([2, 3, 50], 100, 2400 * 50), undefined);
  assert.equal(chunkLength([2, 3, 500], 100, 2 * 2400 * 80 + 10), 80);
  assert.equal(chunkLength([2, 3, 500], 100, 2400), 64);
  assert.equal(chunkLength([2, 3, 20], 100, 2400), 20);
});

test('at 4,000 tokens neither pass holds the scores whole', (context) => {
  if (!existsSync('/proc/self/clear_refs')) return context.skip('only Linux resets the peak');
  // 4 heads x 4,000 x 4,000 scores are 256 MB, and the backward pass has several tensors of that shape.
  const bias = tf.zeros([1, 1, 1, 1, 4000]);
  const step = compile('long', ({ q, k, v }: { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor }) => {
    const loss = (...tensors: tf.Tensor[]) => {
      const [a, b, c] = tensors as [tf.Tensor, tf.Tensor, tf.Tensor];
      return tf.sum(tf.square(attendInChunks(a, b, c, tensorBias(bias), 200))) as tf.Scalar;
    };
    return tf.grads(loss)([q, k, v]);
  });
  const given = { q: drawn([1, 4, 4000, 8], 1), k: drawn([1, 4, 4000, 8], 2), v: drawn([1, 4, 4000, 8], 3) };
  resetPeakMemory();
  const before = process.memoryUsage.rss() / 2 ** 20;
  step(given);
  const grown = peakMemory() - before;
  assert.ok(grown < 200, `both passes took ${grown.toFixed(0)} MB`);
});

test('causal chunks and blocks make no scores of keys behind their last query', () => {
  // Keys that are not a number would spoil every output whose chunk looks at them.
  const k = tf.concat([drawn([2, 1, 128, 8], 2), tf.fill([2, 1, 42, 8], Number.NaN)], 2);
  const [q, v] = [drawn([2, 1, TOKENS, 8], 1), drawn([2, 1, TOKENS, 8], 3)];
  const given = { q, k, v, bias: causal(), weights: v };
  const known = (attend: Attend) =>
    (attend(given).arraySync() as number[][][][])[0]![0]!.map(([value]) => Number.isFinite(value));
  assert.deepEqual(known(inChunks(true)), [...Array(128).fill(true), ...Array(42).fill(false)]);
  assert.deepEqual(known(inBlocks), [...Array(85).fill(true), ...Array(85).fill(false)]);
});
