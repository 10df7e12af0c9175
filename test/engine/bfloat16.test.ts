/** Products in bfloat16, in a process of their own: the precision holds for a whole process. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { askedPrecision, startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { linear } from '../../lib/engine/operations.js';
import { type Weight, widen } from '../../lib/engine/packed.js';

before(async () => {
  await startEngine({ precision: 'bfloat16' });
});

test('factors are rounded to 8 bits: (1 + 2^-9) x 1 is 1, (1 + 2^-7) x 1 is itself', () => {
  const x = tf.tensor2d([1 + 2 ** -9, 1 + 2 ** -7], [2, 1]);
  assert.deepEqual([...linear(x, tf.tensor2d([[1]])).dataSync()], [1, 1 + 2 ** -7]);
});

test('a product and its gradients lie within 1 % of float32’s, eager and compiled, and leave no tensors', () => {
  const x = tf.randomNormal([48, 64], 0, 1, 'float32', 1) as tf.Tensor2D;
  const w = tf.randomNormal([32, 64], 0, 1, 'float32', 2) as tf.Tensor2D;
  const slope = tf.randomNormal([48, 32], 0, 1, 'float32', 3);
  const norm = (t: tf.Tensor) => tf.norm(t).dataSync()[0]!;
  const distance = (a: tf.Tensor, b: tf.Tensor) => norm(tf.sub(a, b)) / norm(b);
  const expected = { y: tf.matMul(x, w, false, true), dx: tf.matMul(slope, w), dw: tf.matMul(slope, x, true) };
  const run = ({ x, w, slope }: { x: tf.Tensor; w: tf.Tensor; slope: tf.Tensor }) => {
    const [dx, dw] = tf.grads((x, w) => tf.mul(linear(x as tf.Tensor2D, w), slope))([x, w]) as [tf.Tensor, tf.Tensor];
    return { y: linear(x as tf.Tensor2D, w), dx, dw };
  };
  const compiled = compile('product', run);
  for (const actual of [tf.tidy(() => run({ x, w, slope })), compiled({ x, w, slope })]) {
    for (const name of ['y', 'dx', 'dw'] as const) {
      const gap = distance(actual[name], expected[name]);
      assert.ok(gap > 1e-5 && gap < 1e-2, `${name}: ${gap}`);
    }
  }
  const before = tf.memory().numTensors;
  tf.dispose(tf.tidy(() => run({ x, w, slope })));
  tf.dispose(compiled({ x, w, slope }));
  assert.equal(tf.memory().numTensors, before);
});

test('a packed weight is a factor as it lies: the numbers are those of the widened weight', () => {
  // Any bits that are no NaN or infinity will do: here those of small whole numbers' float32.
  const packed = { packed: tf.add(tf.range(0, 32 * 32), 3).reshape([32, 32]) };
  const x = tf.randomNormal([48, 64], 0, 1, 'float32', 1) as tf.Tensor2D;
  const run = ({ x, w }: { x: tf.Tensor; w: Weight }) => ({
    y: linear(x as tf.Tensor2D, w),
    dx: tf.grad((x: tf.Tensor) => tf.square(linear(x as tf.Tensor2D, w)))(x),
  });
  const compiled = compile('packed product', run);
  const expected = run({ x, w: widen(packed) });
  const before = tf.memory().numTensors;
  for (const actual of [tf.tidy(() => run({ x, w: packed })), compiled({ x, w: packed })]) {
    for (const name of ['y', 'dx'] as const) {
      assert.ok(
        expected[name].dataSync().some((value) => value !== 0 && Number.isFinite(value)),
        name,
      );
      assert.deepEqual(actual[name].dataSync(), expected[name].dataSync(), name);
    }
    tf.dispose(actual);
  }
  assert.equal(tf.memory().numTensors, before);
});

test('REASON_RFT_PRECISION is the default of the process, and must be one of the two', () => {
  const held = process.env.REASON_RFT_PRECISION;
  try {
    process.env.REASON_RFT_PRECISION = 'bfloat16';
    assert.equal(askedPrecision(), 'bfloat16');
    process.env.REASON_RFT_PRECISION = 'half';
    assert.throws(askedPrecision, /must be float32 or bfloat16, but is 'half'/);
    delete process.env.REASON_RFT_PRECISION;
    assert.equal(askedPrecision(), 'float32');
  } finally {
    if (held !== undefined) process.env.REASON_RFT_PRECISION = held;
  }
});
