/** The engine’s own operations beside finite differences and tfjs. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { gelu, quickGelu, swiGlu, tanhGelu } from '../../lib/engine/activations.js';
import { startEngine } from '../../lib/engine/backend.js';
import { layerNorm, linear, logProbability, rmsNorm, rotate, takeRows, topK } from '../../lib/engine/operations.js';
import { Random } from '../../lib/engine/random.js';

before(async () => {
  await startEngine();
});

function random(shape: number[], seed: number): tf.Tensor {
  const source = new Random(seed, 'operations');
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Array.from({ length: size }, () => source.normal()),
    shape,
  );
}

/** Largest relative gap between the gradient of sum(f(x) * weights) and central differences, over every input element. */
function gradientGap(f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): number {
  const weights = random(f(...inputs).shape, 99);
  const objective = (...xs: tf.Tensor[]) => tf.sum(tf.mul(f(...xs), weights)) as tf.Scalar;
  const gradients = tf.grads(objective)(inputs);
  const h = 1e-2;
  let worst = 0;
  inputs.forEach((input, which) => {
    const values = input.dataSync();
    const gradient = gradients[which]!.dataSync();
    for (let i = 0; i < values.length; i++) {
      const objectiveAt = (delta: number) => {
        const moved = Float32Array.from(values, (v, j) => (i === j ? v + delta : v));
        const all = inputs.map((x, j) => (j === which ? tf.tensor(moved, x.shape) : x));
        return objective(...all).dataSync()[0]!;
      };
      // Five-point differences: with h = 0.01 the error of the formula, h^4, is far below float32's.
      const numeric = (8 * (objectiveAt(h) - objectiveAt(-h)) - (objectiveAt(2 * h) - objectiveAt(-2 * h))) / (12 * h);
      worst = Math.max(worst, Math.abs(numeric - gradient[i]!) / Math.max(1, Math.abs(numeric)));
    }
  });
  return worst;
}

function close(actual: tf.Tensor, expected: number[], tolerance = 1e-5): void {
  [...actual.dataSync()].forEach((x, i) => {
    assert.ok(Math.abs(x - expected[i]!) < tolerance, `${x} against ${expected[i]}`);
  });
}

test('logProbability: log softmax([0, ln 3])[1] = ln 3/4', () => {
  close(logProbability(tf.tensor2d([[0, Math.log(3)]]), tf.tensor1d([1], 'int32')), [Math.log(0.75)]);
});

test('rmsNorm: [3, 4] has root mean square sqrt(12.5)', () => {
  const r = Math.sqrt(12.5);
  close(rmsNorm(tf.tensor2d([[3, 4]]), tf.tensor1d([1, 2]), 0), [3 / r, 8 / r]);
});

test('layerNorm: [1, 3] becomes [-1, 1], then weight and bias', () => {
  close(layerNorm(tf.tensor2d([[1, 3]]), tf.tensor1d([2, 2]), tf.tensor1d([0, 5]), 0), [-2, 7]);
});

test('rotate by 90 degrees: (x1, x2) -> (-x2, x1)', () => {
  close(rotate(tf.tensor2d([[1, 2, 3, 4]]), tf.zeros([1, 2]), tf.ones([1, 2])), [-3, -4, 1, 2]);
});

test('swiGlu: gate 0 gives 0, a large gate gives gate x up', () => {
  close(swiGlu(tf.tensor1d([0, 30]), tf.tensor1d([7, 2])), [0, 60], 1e-4);
});

test('gelu(1) = Phi(1) = 0.841345, quickGelu(1) = sigmoid(1.702) = 0.845796, tanhGelu(1) = (1 + tanh 0.833563) / 2 = 0.841192', () => {
  close(gelu(tf.tensor1d([1])), [0.841345]);
  close(quickGelu(tf.tensor1d([1])), [0.845796]);
  close(tanhGelu(tf.tensor1d([1])), [0.841192]);
});

test('a wide weight is multiplied in parts: of 1,025 outputs each is the sum that it is of, forward and backward', () => {
  // Row k of the weight is k + 1 at place k mod 1024 and 0 elsewhere, so that output k of x is (k + 1) x[k mod 1024].
  const [outputs, inputs] = [1025, 1024];
  const numbers = new Float32Array(outputs * inputs);
  for (let k = 0; k < outputs; k++) numbers[k * inputs + (k % inputs)] = k + 1;
  const w = tf.tensor2d(numbers, [outputs, inputs]);
  const x = tf.range(0, inputs).reshape([1, inputs]) as tf.Tensor2D;
  const product = linear(x, w).dataSync();
  assert.deepEqual(
    Array.from(product),
    Array.from({ length: outputs }, (_, k) => (k + 1) * (k % inputs)),
  );
  // d sum(y) / d x[j] is j + 1, and for j = 0 also 1,025 of the last output; d sum(y) / d w[k, j] is x[j].
  const [dx, dw] = tf.grads((x, w) => tf.sum(linear(x as tf.Tensor2D, w)))([x, w]);
  assert.deepEqual(
    Array.from(dx!.dataSync()),
    Array.from({ length: inputs }, (_, j) => j + 1 + (j === 0 ? 1025 : 0)),
  );
  assert.deepEqual(Array.from(dw!.slice([outputs - 1, 0], [1, 3]).dataSync()), [0, 1, 2]);
});

test('linear multiplies by the transposed weight: [1, 2] with [[3, 4]] and bias 1 is 12', () => {
  close(linear(tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4]]), tf.tensor1d([1])), [12]);
});

test('takeRows adds the gradients of repeated rows', () => {
  const indices = tf.tensor1d([1, 1, 0], 'int32');
  const gradient = tf.grad((table: tf.Tensor) => tf.sum(takeRows(table as tf.Tensor2D, indices)))(tf.ones([3, 2]));
  assert.deepEqual([...gradient.dataSync()], [1, 1, 2, 2, 0, 0]);
});

test('topK sorts falling', () => {
  const { values, indices } = topK(tf.tensor2d([[5, 9, 7]]), 2);
  assert.deepEqual([...values.dataSync()], [9, 7]);
  assert.deepEqual([...indices.dataSync()], [1, 2]);
});

const gradients: [string, (...inputs: tf.Tensor[]) => tf.Tensor, tf.Tensor[]][] = [
  ['logProbability', (x) => logProbability(x as tf.Tensor2D, tf.tensor1d([0, 2, 4], 'int32')), [random([3, 5], 1)]],
  ['rmsNorm', (x, w) => rmsNorm(x!, w!, 1e-6), [random([3, 6], 2), random([6], 3)]],
  ['layerNorm', (x, w, b) => layerNorm(x!, w!, b!, 1e-6), [random([3, 6], 4), random([6], 5), random([6], 6)]],
  ['rotate', (x) => rotate(x!, random([1, 3], 7), random([1, 3], 8)), [random([4, 6], 9)]],
  ['swiGlu', (g, u) => swiGlu(g!, u!), [random([2, 5], 10), random([2, 5], 11)]],
  ['gelu', (x) => gelu(x!), [random([2, 5], 12)]],
  ['tanhGelu', (x) => tanhGelu(x!), [random([2, 5], 14)]],
  ['takeRows', (x) => takeRows(x as tf.Tensor2D, tf.tensor1d([2, 0, 2], 'int32')), [random([4, 3], 13)]],
];
for (const [name, f, inputs] of gradients) {
  test(`the gradient of ${name} agrees with finite differences to 1e-3`, () => {
    const gap = gradientGap(f, inputs);
    assert.ok(gap < 1e-3, `largest relative gap ${gap}`);
  });
}
