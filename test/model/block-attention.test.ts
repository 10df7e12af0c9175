/** Attention in blocks: the layout's arithmetic, and the same numbers and gradients as a row for each segment. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { Random } from '../../lib/engine/random.js';
import { collate, disposeBatch, type Row } from '../../lib/model/batch.js';
import { blockLayout } from '../../lib/model/block-attention.js';
import { hiddenStates } from '../../lib/model/hidden-states.js';
import { predictTargets } from '../../lib/model/log-probability.js';
import { gradientsOf } from '../../lib/train/gradients.js';
import { TINY_CONFIG, tinyImage, tinyParameters, tinyPrompt } from '../support/tiny-model.js';

let parameters: { [name: string]: tf.Tensor };

before(async () => {
  await startEngine();
  parameters = tinyParameters();
});

test('the layout: blocks as long as the longest segment, an even number of them, where that is cheaper', () => {
  const segments = [20, 33, 64, 64, 64, 64, 64, 64];
  // 437 tokens in blocks of 64 need 7, made 8: 128^2 + 512 x (128 + 2 x 64) = 147,456 scores against 640^2 = 409,600.
  assert.deepEqual(blockLayout([{ prefix: 120, segments }], 640), { prefix: 128, size: 64, blocks: 8 });
  // Two long segments: 32^2 + 1,024 x (32 + 1,024) against 1,024^2: one mask is cheaper.
  assert.equal(blockLayout([{ prefix: 10, segments: [500, 500] }], 1024), undefined);
});

/** Segments of 1 to 32 tokens, a third of them trained. */
function segmentsOf(count: number, random: Random) {
  return Array.from({ length: count }, () => {
    const tokens = Array.from({ length: 1 + random.int(32) }, () => 6 + random.int(26));
    return { tokens, trained: tokens.map(() => random.chance(0.34)) };
  });
}

/** Two rows of a prompt and its completions, of which the second has fewer. */
function groups(): Row[] {
  const random = new Random(1, 'blocks');
  return [12, 7].map((count, i) => {
    const { tokens, images } = tinyPrompt(i, [20, 21, 22].slice(i));
    return { prefix: { tokens }, images, segments: segmentsOf(count, random) };
  });
}

/** Samples that share nothing: packed rows, one of the samples with an image. */
function packed(): Row[] {
  const random = new Random(2, 'blocks');
  const image = { ...tinyPrompt(3, [9, 10]), images: [tinyImage(3)], trained: [] };
  return [9, 11].map((count) => ({
    prefix: { tokens: [] },
    images: [],
    segments: [...segmentsOf(count, random), image],
  }));
}

/** Each segment in a row of its own. */
function alone(rows: readonly Row[]): Row[] {
  return rows.flatMap((row) => row.segments.map((segment) => ({ ...row, segments: [segment] })));
}

/** Log-probabilities of all targets in order, and the gradient of a weighted sum of them in every parameter. */
function measure(rows: readonly Row[]) {
  const collated = collate(rows, TINY_CONFIG);
  const count = collated.origin.length;
  const weights = tf.tensor1d(
    Array.from({ length: collated.targets.token.shape[0] }, (_, i) => (i < count ? Math.cos(i) : 0)),
  );
  let logProbs: Float32Array | undefined;
  const { grads } = gradientsOf(parameters, (moving) => {
    const out = predictTargets(moving, hiddenStates(moving, collated.batch, TINY_CONFIG), collated.targets).logProbs;
    logProbs = out.dataSync().slice(0, count) as Float32Array;
    return tf.sum(tf.mul(out, weights)) as tf.Scalar;
  });
  const inBlocks = collated.batch.blocks !== undefined;
  disposeBatch(collated);
  return { inBlocks, logProbs: logProbs!, grads };
}

for (const [name, rows] of [
  ['completions of shared prompts', groups()],
  ['packed samples', packed()],
] as const) {
  test(`${name}: log-probabilities and gradients are those of a row for each segment`, () => {
    const [together, apart] = [measure(rows), measure(alone(rows))];
    assert.equal(together.inBlocks, true);
    assert.equal(apart.inBlocks, false);
    assert.equal(together.logProbs.length, apart.logProbs.length);
    together.logProbs.forEach((x, i) => {
      assert.ok(Math.abs(x - apart.logProbs[i]!) < 1e-5, `target ${i + 1}: ${x} against ${apart.logProbs[i]}`);
    });
    for (const [parameter, gradient] of Object.entries(together.grads)) {
      const wanted = apart.grads[parameter]!;
      const difference = tf.norm(tf.sub(gradient, wanted)).dataSync()[0]!;
      const size = tf.norm(wanted).dataSync()[0]!;
      assert.ok(difference <= 2e-6 * size + 1e-7, `${parameter}: off by ${difference} of ${size}`);
    }
  });
}
