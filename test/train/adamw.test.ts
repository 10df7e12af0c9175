import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';
import { ADAMW_DEFAULTS, AdamW, updateGroups } from '../../lib/train/adamw.js';

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

test('parameters are grouped in the order of their names, up to so many bytes', () => {
  // Four bytes a number: b and c take 12 and 8, d alone more than the limit.
  const parameters = { d: tf.zeros([9]), c: tf.zeros([2]), b: tf.zeros([3]), a: tf.zeros([4]) };
  assert.deepEqual(updateGroups(parameters, 20), [['a'], ['b', 'c'], ['d']]);
  assert.deepEqual(updateGroups(parameters, 28), [['a', 'b'], ['c'], ['d']]);
  assert.deepEqual(updateGroups({}, 20), []);
});

test('how parameters are grouped changes no bit', () => {
  const trained = [4, 2 ** 20].map((groupBytes) => {
    const optimizer = new AdamW({ ...ADAMW_DEFAULTS, weightDecay: 0.1 }, groupBytes);
    const parameters: { [name: string]: tf.Tensor } = {
      a: tf.tensor2d([[0.3, -2]]),
      b: tf.tensor2d([[1.7, 0.1]]),
      c: tf.tensor1d([5]),
    };
    for (const scale of [1, 0.3, -0.7]) {
      const gradients = {
        a: tf.tensor2d([[scale, 0.2]]),
        b: tf.tensor2d([[-0.4, scale * scale]]),
        c: tf.tensor1d([0.9]),
      };
      optimizer.apply(parameters, gradients, 0.05);
    }
    return ['a', 'b', 'c'].flatMap((name) => [...parameters[name]!.dataSync()]);
  });
  assert.deepEqual(trained[0], trained[1]);
});

test('beside the gradients an update holds parameters and moments once, and one group twice', (context) => {
  if (!existsSync('/proc/self/clear_refs')) return context.skip('only Linux resets the peak');
  // Eight tensors of 40 MB: parameters, gradients and two moments take 4 x 320 = 1,280 MB. All at once the update would make
  // new parameters and moments beside them, 2,240 MB; tensor by tensor it makes 3 x 40 MB, and some ten as much in between.
  const names = Array.from({ length: 8 }, (_, i) => `w${i}`);
  const drawn = () => Object.fromEntries(names.map((name, i) => [name, tf.fill([2560, 4096], 0.1 * i)]));
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, weightDecay: 0.1 }, 2 ** 20);
  const before = process.memoryUsage.rss() / 2 ** 20;
  resetPeakMemory();
  const parameters: { [name: string]: tf.Tensor } = drawn();
  for (let update = 0; update < 3; update++) optimizer.apply(parameters, drawn(), 0.1);
  const taken = peakMemory() - before;
  tf.dispose(parameters);
  optimizer.dispose();
  assert.ok(taken > 1280 && taken < 2100, `parameters, gradients, moments and updates took ${taken.toFixed(0)} MB`);
});
