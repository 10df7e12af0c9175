/** Predictions at targets: by hand, and the same in chunks of the vocabulary as at once, gradients too. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { nodeBackend } from '../../lib/engine/tfjs-node.js';
import { uploadTensor } from '../../lib/engine/transfer.js';
import { roundToBfloat16, widenBfloat16 } from '../../lib/model/float16.js';
import { logits, predictTargets } from '../../lib/model/log-probability.js';

before(async () => {
  await startEngine();
});

const close = (x: tf.Tensor, expected: readonly number[], tolerance = 1e-6) => {
  const values = [...x.dataSync()];
  values.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `${i}: ${value} against ${expected[i]}`);
  });
  assert.equal(values.length, expected.length);
};

test('by hand: logits 0, ln 3 and 0 give 1/5, 3/5 and 1/5', () => {
  // Hidden state 1 times a head of 0, ln 3, 0.
  const parameters = { 'lm_head.weight': tf.tensor2d([[0], [Math.log(3)], [0]]) };
  const targets = { from: tf.tensor1d([0, 0], 'int32'), token: tf.tensor1d([1, 2], 'int32') };
  // Entropy: -(3/5 ln 3/5 + 2 x 1/5 ln 1/5).
  const entropy = -(0.6 * Math.log(0.6) + 0.4 * Math.log(0.2));
  for (const chunk of [1, 2, 3]) {
    const { logProbs, entropies, hits } = predictTargets(parameters, tf.tensor2d([[1]]), targets, { chunk });
    close(logProbs, [Math.log(0.6), Math.log(0.2)]);
    close(entropies, [entropy, entropy]);
    close(hits, [1, 0]);
  }
});

test('by hand, over two of three tokens: 3/4 and 1/4, and the third has no gradient', () => {
  const head = tf.tensor2d([[0], [Math.log(3)], [0]]);
  const targets = { from: tf.tensor1d([0, 0], 'int32'), token: tf.tensor1d([1, 2], 'int32') };
  const kept = tf.tensor2d([1, 2, 2, 1], [2, 2], 'int32');
  const entropy = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25));
  for (const chunk of [1, 2, 3]) {
    const predict = (head: tf.Tensor) =>
      predictTargets({ 'lm_head.weight': head }, tf.tensor2d([[1]]), targets, { chunk, kept });
    const { logProbs, entropies, hits } = predict(head);
    close(logProbs, [Math.log(0.75), Math.log(0.25)]);
    close(entropies, [entropy, entropy]);
    close(hits, [1, 0]);
    // d log p_k / d x_j = [j = k] - p_j: 1 - 3/4 and -1/4 of the first target, -3/4 and 1 - 1/4 of the second, 0 for the token left out.
    close(tf.grad((head: tf.Tensor) => tf.sum(tf.mul(predict(head).logProbs, tf.tensor1d([1, 2]))))(head), [
      0,
      0.25 - 2 * 0.75,
      -0.25 + 2 * 0.75,
    ]);
    // d H / d x_j = -p_j (log p_j + H).
    const slope = (p: number) => -p * (Math.log(p) + entropy);
    close(tf.grad((head: tf.Tensor) => tf.sum(predict(head).entropies))(head), [0, 2 * slope(0.75), 2 * slope(0.25)]);
  }
});

test('in chunks of 7 of 40 tokens: values and gradients as at once, at temperature 0.7, with and without the head’s', () => {
  const parameters = { 'lm_head.weight': tf.randomNormal([40, 6], 0, 2, 'float32', 1) };
  const hidden = tf.randomNormal([5, 6], 0, 1, 'float32', 2) as tf.Tensor2D;
  const targets = {
    from: tf.tensor1d([0, 2, 2, 4, 1, 3], 'int32'),
    token: tf.tensor1d([0, 6, 7, 39, 20, 13], 'int32'),
  };
  type Input = { hidden: tf.Tensor2D; head: tf.Tensor2D };
  type Options = { chunk?: number; headIsFrozen?: boolean; kept?: tf.Tensor2D };
  /** Both outputs with a gradient, weighted unevenly. */
  const total = ({ hidden, head }: Input, options: Options) => {
    const given = { temperature: 0.7, ...options };
    const { logProbs, entropies } = predictTargets({ 'lm_head.weight': head }, hidden, targets, given);
    const weights = tf.tensor1d([1, -2, 3, 0.5, -0.25, 2]);
    return tf.sum(tf.add(tf.mul(weights, logProbs), tf.mul(tf.reverse1d(weights), entropies))) as tf.Scalar;
  };
  const gradients = (options: Options) =>
    tf.grads((hidden, head) => total({ hidden: hidden as tf.Tensor2D, head: head as tf.Tensor2D }, options))([
      hidden,
      parameters['lm_head.weight'],
    ]);
  const whole = predictTargets(parameters, hidden, targets, { temperature: 0.7 });
  const parts = predictTargets(parameters, hidden, targets, { temperature: 0.7, chunk: 7 });
  close(parts.logProbs, [...whole.logProbs.dataSync()], 1e-5);
  close(parts.entropies, [...whole.entropies.dataSync()], 1e-5);
  close(parts.hits, [...whole.hits.dataSync()]);
  const [dx, dw] = gradients({}) as [tf.Tensor, tf.Tensor];
  const [dxParts, dwParts] = gradients({ chunk: 7 }) as [tf.Tensor, tf.Tensor];
  close(dxParts, [...dx.dataSync()], 2e-5);
  close(dwParts, [...dw.dataSync()], 2e-5);
  // Over sets of which some lie in one chunk, some in several; the first of each is the target.
  const sets = [0, 1, 2, 6, 20, 39, 7, 8, 30, 39, 38, 0, 20, 20, 5, 13, 14, 12];
  const kept = tf.tensor2d(sets, [6, 3], 'int32');
  const [dxKept, dwKept] = gradients({ kept }) as [tf.Tensor, tf.Tensor];
  const [dxKeptParts, dwKeptParts] = gradients({ kept, chunk: 7 }) as [tf.Tensor, tf.Tensor];
  close(dxKeptParts, [...dxKept.dataSync()], 2e-5);
  close(dwKeptParts, [...dwKept.dataSync()], 2e-5);
  const ofHidden = tf.grad((x) =>
    total(
      { hidden: x as tf.Tensor2D, head: parameters['lm_head.weight'] as tf.Tensor2D },
      { chunk: 7, headIsFrozen: true },
    ),
  );
  close(ofHidden(hidden), [...dx.dataSync()], 2e-5);
});

test('a compiled step in chunks: as outside', () => {
  const head = tf.randomNormal([40, 6], 0, 2, 'float32', 1) as tf.Tensor2D;
  const hidden = tf.randomNormal([5, 6], 0, 1, 'float32', 2) as tf.Tensor2D;
  const token = tf.tensor1d([0, 6, 39], 'int32');
  const from = tf.tensor1d([0, 2, 4], 'int32');
  type Input = { head: tf.Tensor2D; hidden: tf.Tensor2D; token: tf.Tensor1D; from: tf.Tensor1D };
  const body = ({ head, hidden, token, from }: Input) => {
    const objective = (x: tf.Tensor) =>
      tf.sum(predictTargets({ 'lm_head.weight': head }, x as tf.Tensor2D, { from, token }, { chunk: 7 }).logProbs);
    const { value, grad } = tf.valueAndGrad(objective)(hidden);
    return { value, grad };
  };
  const step = compile('chunks', body);
  const [compiled, eager] = [step({ head, hidden, token, from }), body({ head, hidden, token, from })];
  close(compiled.value, [...eager.value.dataSync()], 1e-5);
  close(compiled.grad, [...eager.grad.dataSync()], 1e-5);
});

/** A head of 40 tokens and width 6, in bfloat16 and in float32: the same numbers. */
function headsOf40() {
  const halves = roundToBfloat16(Float32Array.from({ length: 240 }, (_, i) => Math.sin(i)));
  const wide = new Float32Array(240);
  widenBfloat16(halves, wide);
  const packed = uploadTensor([40, 3], [new Float32Array(halves.buffer, halves.byteOffset, 120)]);
  return { packed: { 'lm_head.weight': { packed } }, float32: { 'lm_head.weight': tf.tensor2d(wide, [40, 6]) } };
}

test('logits in chunks of 7 of 40 tokens are those at once; a packed head gives the numbers of float32, bit for bit', () => {
  const { packed, float32 } = headsOf40();
  const hidden = tf.randomNormal([5, 6], 0, 1, 'float32', 3) as tf.Tensor2D;
  const step = compile('logits', ({ hidden, head }: { hidden: tf.Tensor2D; head: typeof packed }) =>
    logits(head, hidden, 7),
  );
  const chunked = [...logits(float32, hidden, 7).dataSync()];
  close(logits(float32, hidden, 40), chunked);
  assert.deepEqual([...logits(packed, hidden, 7).dataSync()], chunked);
  assert.deepEqual([...step({ hidden, head: packed }).dataSync()], chunked);
  step.dispose();
});

test('no more of a packed head than one chunk is widened at a time', () => {
  const { packed } = headsOf40();
  const backend = nodeBackend();
  const real = backend.binding;
  const widened: number[] = [];
  const executeOp: typeof real.executeOp = (op, attributes, inputs, outputs) => {
    const results = real.executeOp(op, attributes, inputs, outputs);
    if (op === 'Cast') widened.push(results[0]!.shape.reduce((a, b) => a * b, 1));
    return results;
  };
  backend.binding = Object.create(real, { executeOp: { value: executeOp } });
  try {
    logits(packed, tf.ones([1, 6]), 7);
  } finally {
    backend.binding = real;
  }
  // 40 tokens are five chunks of 7 and one of 5.
  assert.deepEqual(widened, [42, 42, 42, 42, 42, 30]);
});
