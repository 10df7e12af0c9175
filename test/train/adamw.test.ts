import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { ADAMW_DEFAULTS, AdamW } from '../../lib/train/adamw.js';

before(async () => {
  await startEngine();
});

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} against ${expected}`);

test('the first update moves by the learning rate against the sign of the gradient', () => {
  // m / (1 - 0.9) = g and v / (1 - 0.999) = g^2, so the step is g / |g|.
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, clipNorm: 0 });
  const parameters: { [name: string]: tf.Tensor } = { a: tf.tensor1d([1, 1]) };
  const norm = optimizer.apply(parameters, { a: tf.tensor1d([3, -4]) }, 0.1);
  near(norm, 5);
  const [x, y] = parameters.a!.dataSync();
  near(x!, 0.9);
  near(y!, 1.1);
});

test('two updates by hand: g = 1 then 0.5, rate 0.1', () => {
  // m2 = 0.9 x 0.1 + 0.1 x 0.5 = 0.14, corrected by 1 - 0.81: 0.736842; v2 = 0.999 x 0.001 + 0.001 x 0.25 = 0.001249,
  // corrected by 1 - 0.998001: 0.624812; step = 0.736842 / 0.790451 = 0.932179.
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, clipNorm: 0 });
  const parameters: { [name: string]: tf.Tensor } = { a: tf.tensor1d([0]) };
  optimizer.apply(parameters, { a: tf.tensor1d([1]) }, 0.1);
  optimizer.apply(parameters, { a: tf.tensor1d([0.5]) }, 0.1);
  near(parameters.a!.dataSync()[0]!, -0.1 - 0.0932179);
});

test('weight decay shrinks matrices and leaves vectors', () => {
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, weightDecay: 0.5 });
  const parameters: { [name: string]: tf.Tensor } = { w: tf.tensor2d([[2]]), b: tf.tensor1d([2]) };
  optimizer.apply(parameters, { w: tf.tensor2d([[0]]), b: tf.tensor1d([0]) }, 0.1);
  near(parameters.w!.dataSync()[0]!, 2 * (1 - 0.1 * 0.5));
  near(parameters.b!.dataSync()[0]!, 2);
});

test('gradients are clipped to the global norm: the moments see 0.6 and 0.8 instead of 3 and 4', () => {
  const optimizer = new AdamW(ADAMW_DEFAULTS);
  const parameters: { [name: string]: tf.Tensor } = { a: tf.tensor1d([0]), b: tf.tensor1d([0]) };
  near(optimizer.apply(parameters, { a: tf.tensor1d([3]), b: tf.tensor1d([4]) }, 0.1), 5);
  near(optimizer.state().moments['first/a']!.dataSync()[0]!, 0.06);
  near(optimizer.state().moments['first/b']!.dataSync()[0]!, 0.08);
});

test('a gradient that is not finite is refused with the tensor named, and nothing moves', () => {
  const optimizer = new AdamW(ADAMW_DEFAULTS);
  const parameters: { [name: string]: tf.Tensor } = { fine: tf.tensor1d([1]), broken: tf.tensor1d([2]) };
  const gradients = { fine: tf.tensor1d([1]), broken: tf.tensor1d([Number.NaN]) };
  assert.throws(() => optimizer.apply(parameters, gradients, 0.1), /'broken'/);
  assert.equal(parameters.fine!.dataSync()[0], 1);
});

test('a restored optimizer goes on as the first one', () => {
  const gradients = () => ({ a: tf.tensor1d([0.3]) });
  const first = new AdamW(ADAMW_DEFAULTS);
  const a: { [name: string]: tf.Tensor } = { a: tf.tensor1d([1]) };
  first.apply(a, gradients(), 0.1);
  const second = new AdamW(ADAMW_DEFAULTS);
  const { moments, updates } = first.state();
  second.restore({ moments: Object.fromEntries(Object.entries(moments).map(([k, t]) => [k, t.clone()])), updates });
  const b: { [name: string]: tf.Tensor } = { a: a.a!.clone() };
  first.apply(a, gradients(), 0.1);
  second.apply(b, gradients(), 0.1);
  assert.equal(a.a!.dataSync()[0], b.a!.dataSync()[0]);
});
