/** Dropout: what it leaves out, what it makes of the rest, and that its draws follow from the seed alone. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { dropout } from '../../lib/engine/dropout.js';

before(async () => {
  await startEngine();
});

const seedOf = (a: number, b: number) => tf.tensor1d([a, b], 'int32');

test('at rate 1/4 an entry is 0 or 4/3 of itself, and about a quarter are 0', () => {
  const x = tf.range(1, 4001) as tf.Tensor1D;
  const out = dropout(x, tf.scalar(0.25), seedOf(7, 1)).dataSync();
  let dropped = 0;
  out.forEach((value, i) => {
    if (value === 0) dropped++;
    else assert.ok(Math.abs(value - ((i + 1) * 4) / 3) < 1e-3 * (i + 1), `entry ${i}: ${value}`);
  });
  // 1,000 of 4,000 with a standard deviation of sqrt(4000 x 1/4 x 3/4) = 27.
  assert.ok(Math.abs(dropped - 1000) < 4 * 27.4, String(dropped));
});

test('equal seeds draw alike and other seeds do not; a replayed step draws by the seed that it is given', () => {
  const x = tf.ones([40, 5]);
  const zeros = (out: tf.Tensor) => [...out.dataSync()].map((value) => value === 0);
  const drawn = (a: number, b: number) => zeros(dropout(x, tf.scalar(0.5), seedOf(a, b)));
  assert.deepEqual(drawn(3, 4), drawn(3, 4));
  for (const [a, b] of [
    [3, 5],
    [4, 4],
    [-3, 4],
  ] as const)
    assert.notDeepEqual(drawn(a, b), drawn(3, 4));
  const step = compile('dropout', ({ x, seed }: { x: tf.Tensor; seed: tf.Tensor }) => {
    // Drawn twice, as by a layer that the backward pass computes again.
    const rate = tf.scalar(0.5);
    return { first: dropout(x, rate, seed), again: dropout(x, rate, seed) };
  });
  for (const seed of [3, 9, 3]) {
    const { first, again } = step({ x, seed: seedOf(seed, 4) });
    assert.deepEqual(zeros(first), drawn(seed, 4));
    assert.deepEqual(zeros(again), drawn(seed, 4));
  }
  step.dispose();
});

test('the gradient is that of the entries that stay, divided by 1 - rate', () => {
  const seed = seedOf(1, 2);
  const x = tf.ones([50]);
  const out = dropout(x, tf.scalar(0.2), seed);
  const slope = tf.grad((x: tf.Tensor) => tf.sum(dropout(x, tf.scalar(0.2), seed)))(x);
  assert.deepEqual([...slope.dataSync()], [...out.dataSync()]);
});
