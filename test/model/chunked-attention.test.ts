/** Attention in chunks is attention: the same outputs and gradients as over whole scores, in bounded memory. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';
import { attendInChunks, chunkLength, tensorBias } from '../../lib/model/chunked-attention.js';

before(async () => {
  await startEngine();
});

type Inputs = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; bias: tf.Tensor; weights: tf.Tensor };

const drawn = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** Two rows of 150 tokens and size 8, the last 30 of the second row padding; `heads` for queries, 3 for keys and values. */
function inputs(heads: number, bias: tf.Tensor): Inputs {
  return {
    q: drawn([2, heads, 150, 8], 1),
    k: drawn([2, 3, 150, 8], 2),
    v: drawn([2, 3, 150, 8], 3),
    bias,
    weights: drawn([2, heads, 150, 8], 4),
  };
}

const padding = () =>
  tf.tensor5d(
    Array.from({ length: 300 }, (_, i) => (i >= 270 ? -1e9 : 0)),
    [2, 1, 1, 1, 150],
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
function withGradients(inputs: Inputs, attend: (inputs: Inputs) => tf.Tensor) {
  const loss = (...tensors: tf.Tensor[]) => {
    const [q, k, v] = tensors as [tf.Tensor, tf.Tensor, tf.Tensor];
    return tf.sum(tf.mul(attend({ ...inputs, q, k, v }), inputs.weights)) as tf.Scalar;
  };
  const [dq, dk, dv] = tf.grads(loss)([inputs.q, inputs.k, inputs.v]) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { output: attend(inputs), dq, dk, dv };
}

/** Chunks of 64, 64 and 22 queries. */
const inChunks = ({ q, k, v, bias }: Inputs) => attendInChunks(q, k, v, tensorBias(bias), 64);

/** A causal mask in which the second row's last 30 tokens are padding. */
function causal(): tf.Tensor {
  const order = tf.range(0, 150, 1, 'float32');
  const later = tf.cast(tf.greater(tf.expandDims(order, 0), tf.expandDims(order, 1)), 'float32');
  return tf.minimum(tf.reshape(tf.mul(later, -1e9), [1, 1, 1, 150, 150]), padding());
}

for (const [name, heads, bias] of [
  ['one mask for all queries, a key-value head for each', 3, padding],
  ['a mask of its own for each query, two query heads to a key-value head', 6, causal],
] as const) {
  test(`${name}: outputs and gradients are those of whole scores, eagerly and compiled`, () => {
    const given = inputs(heads, bias());
    const whole = withGradients(given, byDefinition);
    const chunked = {
      eager: withGradients(given, inChunks),
      compiled: compile('chunks', (x: Inputs) => withGradients(x, inChunks))(given),
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
