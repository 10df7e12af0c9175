/** Compiled steps: their values, their graphs, and their errors. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { takeRows } from '../../lib/engine/operations.js';

before(async () => {
  assert.equal((await startEngine()).backend, 'tensorflow');
});

test('a replayed step computes what the function says', () => {
  const step = compile('affine', ({ x, w }: { x: tf.Tensor2D; w: tf.Tensor2D }) => ({
    y: tf.add(tf.matMul(x, w), 1),
    total: tf.sum(x),
  }));
  const w = tf.tensor2d([[2], [3]]);
  for (const [a, b] of [
    [1, 1],
    [4, 5],
  ] as const) {
    const x = tf.tensor2d([[a, b]]);
    const { y, total } = step({ x, w });
    assert.equal(y.dataSync()[0], 2 * a + 3 * b + 1);
    assert.equal(total.dataSync()[0], a + b);
  }
  assert.equal(step.graphs(), 1);
});

test('another shape builds another graph', () => {
  const step = compile('double', ({ x }: { x: tf.Tensor }) => ({ y: tf.mul(x, 2) }));
  assert.deepEqual([...step({ x: tf.tensor1d([1, 2]) }).y.dataSync()], [2, 4]);
  assert.deepEqual([...step({ x: tf.tensor1d([1, 2, 3]) }).y.dataSync()], [2, 4, 6]);
  assert.equal(step.graphs(), 2);
});

test('gradients are recorded like any operation: d sum(x^3) = 3 x^2', () => {
  const step = compile('cube', ({ x }: { x: tf.Tensor }) => ({
    g: tf.grad((v: tf.Tensor) => tf.sum(tf.mul(v, tf.square(v))))(x),
  }));
  step({ x: tf.tensor1d([1, 2]) });
  assert.deepEqual([...step({ x: tf.tensor1d([3, -2]) }).g.dataSync()], [27, 12]);
});

test('a step may return its input, and the input stays the caller’s', () => {
  const step = compile('pass', ({ x }: { x: tf.Tensor }) => ({ same: x, twice: tf.mul(x, 2) }));
  const x = tf.tensor1d([5]);
  const first = step({ x });
  tf.dispose(first);
  assert.equal(x.dataSync()[0], 5);
  assert.equal(step({ x }).same.dataSync()[0], 5);
});

test('a step that reads values is refused with the reason', () => {
  const step = compile('peek', ({ x }: { x: tf.Tensor }) => ({ y: tf.mul(x, tf.sum(x).dataSync()[0]!) }));
  assert.throws(() => step({ x: tf.tensor1d([1]) }), /compiled step 'peek': reads the values/);
});

test('a step that uses a tensor from outside is refused with the operation', () => {
  const outside = tf.tensor1d([1]);
  outside.square(); // uploads it, as any earlier use would
  const step = compile('leaky', ({ x }: { x: tf.Tensor }) => ({ y: tf.mul(x, outside) }));
  assert.throws(() => step({ x: tf.tensor1d([1]) }), /compiled step 'leaky': Mul uses a tensor made outside/);
});

test('an operation that fails is named with its place in this file: while it is recorded, and later', () => {
  const step = compile('rows', ({ table, index }: { table: tf.Tensor2D; index: tf.Tensor1D }) => ({
    y: tf.mul(takeRows(table, index), 2),
  }));
  const table = tf.tensor2d([[1], [2]]);
  const inputAt = (place: number) => ({ table, index: tf.tensor1d([place], 'int32') });
  const message = /compiled step 'rows': GatherV2 at compile\.test\.ts:\d+:\d+: .*indices\[0\] = 9 is not in \[0, 2\)/s;
  assert.throws(() => step(inputAt(9)), message);
  assert.deepEqual([...step(inputAt(1)).y.dataSync()], [4]);
  assert.throws(() => step(inputAt(9)), message);
  assert.deepEqual([...step(inputAt(0)).y.dataSync()], [2]);
});

test('100 calls leave no tensors behind', () => {
  const step = compile('sum', ({ x }: { x: tf.Tensor }) => ({ y: tf.sum(tf.exp(x)) }));
  const x = tf.tensor1d([1, 2]);
  tf.dispose(step({ x }));
  const before = tf.memory().numTensors;
  for (let i = 0; i < 100; i++) tf.dispose(step({ x }));
  assert.equal(tf.memory().numTensors, before);
});

test('two inputs that are one tensor in the first call may be two in the next', () => {
  const step = compile('difference', ({ a, b }: { a: tf.Tensor; b: tf.Tensor }) => ({ y: tf.sub(a, b) }));
  const same = tf.tensor1d([5]);
  assert.equal(step({ a: same, b: same }).y.dataSync()[0], 0);
  assert.equal(step({ a: tf.tensor1d([7]), b: same }).y.dataSync()[0], 2);
  assert.equal(step({ a: same, b: tf.tensor1d([7]) }).y.dataSync()[0], -2);
});

test('steps of one name and equal constants share their graphs, and disposing one leaves the other', () => {
  const double = ({ x }: { x: tf.Tensor }) => ({ y: tf.mul(x, 2) });
  const first = compile('shared', double, { factor: 2 });
  const second = compile('shared', double, { factor: 2 });
  const other = compile('shared', ({ x }: { x: tf.Tensor }) => ({ y: tf.mul(x, 3) }), { factor: 3 });
  first({ x: tf.tensor1d([1, 2]) });
  assert.deepEqual([first.graphs(), second.graphs(), other.graphs()], [1, 1, 0]);
  first.dispose();
  assert.deepEqual([...second({ x: tf.tensor1d([3, 4]) }).y.dataSync()], [6, 8]);
  assert.deepEqual([...other({ x: tf.tensor1d([3, 4]) }).y.dataSync()], [9, 12]);
});

test('of the steps that share their graphs, the 16 most recently used keep them', () => {
  const stepOf = (factor: number) =>
    compile('times', ({ x }: { x: tf.Tensor }, { factor }: { factor: number }) => tf.mul(x, factor), { factor });
  const steps = Array.from({ length: 17 }, (_, i) => stepOf(i));
  for (const step of steps) step({ x: tf.ones([2]) });
  // The first one lost its graph to the last one, and records it anew when it is called.
  assert.equal(steps[16]!.graphs(), 1);
  assert.equal(steps[0]!.graphs(), 0);
  assert.deepEqual([...steps[0]!({ x: tf.tensor1d([3, 4]) }).dataSync()], [0, 0]);
  assert.deepEqual([...steps[5]!({ x: tf.tensor1d([3, 4]) }).dataSync()], [15, 20]);
});

test('equal shapes under other names are another graph', () => {
  const step = compile('names', (input: { [name: string]: tf.Tensor }) => ({
    y: tf.mul(input.a ?? input.b!, input.c!),
  }));
  const vector = (x: number) => tf.tensor1d([x]);
  assert.equal(step({ a: vector(2), c: vector(3) }).y.dataSync()[0], 6);
  assert.equal(step({ b: vector(5), c: vector(3) }).y.dataSync()[0], 15);
  assert.equal(step.graphs(), 2);
});

// 200 tensors of 4 MB, and 1,600 of half a megabyte, which a recorded run holds all at once.
for (const [rows, count] of [
  [1024, 200],
  [128, 1600],
] as const) {
  test(`a step of ${count} tensors of ${rows} x 1024 is recorded in little memory`, {
    skip: process.platform !== 'linux',
  }, () => {
    const resident = (field: 'VmRSS' | 'VmHWM') =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
    const step = compile('large', ({ x }: { x: tf.Tensor }) => {
      let y = x;
      for (let i = 0; i < count; i++) y = tf.add(y, 1);
      return tf.sum(y);
    });
    const x = tf.zeros([rows, 1024]);
    const before = resident('VmRSS');
    writeFileSync('/proc/self/clear_refs', '5');
    const out = step({ x });
    const grown = resident('VmHWM') - before;
    assert.equal(out.dataSync()[0], count * rows * 1024);
    assert.ok(grown < 200, `${grown.toFixed(0)} MB`);
    tf.dispose([x, out]);
    step.dispose();
  });
}

test('REASON_RFT_XLA=1: a step compiled by XLA gives the same numbers to rounding; another value than 1 or 0 is an error', () => {
  const body = ({ x }: { x: tf.Tensor }) => ({ y: tf.softmax(tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D)) });
  const x = tf.randomNormal([16, 16], 0, 1, 'float32', 1);
  const plain = [...compile('plain', body)({ x }).y.dataSync()];
  process.env.REASON_RFT_XLA = '1';
  try {
    const compiled = compile('with XLA', body)({ x }).y.dataSync();
    for (const [i, value] of compiled.entries()) assert.ok(Math.abs(value - plain[i]!) < 1e-5, `${i}: ${value}`);
    process.env.REASON_RFT_XLA = 'yes';
    assert.throws(() => compile('refused', body)({ x }), /REASON_RFT_XLA must be 1 or 0, or not set, but is 'yes'/);
  } finally {
    delete process.env.REASON_RFT_XLA;
  }
});
