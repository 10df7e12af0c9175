/** Gradient checkpointing: the same gradient, less memory. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { checkpointed } from '../../lib/engine/checkpoint.js';
import { compile } from '../../lib/engine/compile.js';

before(async () => {
  await startEngine();
});

test('d sum(w x^2 m) is 2 w x m in x and x^2 m in w, eager and compiled; the mask m gets none', () => {
  const body = ({ x, w, m }: { x: tf.Tensor; w: tf.Tensor; m: tf.Tensor }) => {
    const f = (x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(checkpointed(([x, w], [m]) => tf.mul(w!, tf.mul(tf.square(x!), m!)), [x, w], [m]));
    const [dx, dw] = tf.grads(f)([x, w]) as [tf.Tensor, tf.Tensor];
    return { dx, dw };
  };
  const input = { x: tf.tensor1d([3, 5]), w: tf.tensor1d([2, 7]), m: tf.tensor1d([1, 10]) };
  for (const step of [body, compile('checkpointed', body)]) {
    const { dx, dw } = step(input);
    assert.deepEqual([...dx.dataSync()], [12, 700]);
    assert.deepEqual([...dw.dataSync()], [9, 250]);
  }
});

test('one inside another: d (2 x)^2 = 8 x', () => {
  const twice = (x: tf.Tensor) => checkpointed(([x]) => tf.mul(x!, 2), [x], []);
  const f = (x: tf.Tensor) => checkpointed(([x]) => tf.square(twice(x!)), [x], []);
  assert.deepEqual(
    [
      ...tf
        .grad((x) => tf.sum(f(x)))(tf.tensor1d([1, 3]))
        .dataSync(),
    ],
    [8, 24],
  );
});

test('twelve wide layers: a compiled step peaks at less than half of the memory', () => {
  const program = path.join(__dirname, '..', 'support', 'checkpoint-memory.ts');
  const peak = (checkpoint: boolean) =>
    Number(
      execFileSync(process.execPath, ['--import', 'tsx', program, String(checkpoint)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  const [kept, again] = [peak(false), peak(true)];
  assert.ok(again < kept / 2, `${again} MB with checkpointing, ${kept} MB without`);
});
