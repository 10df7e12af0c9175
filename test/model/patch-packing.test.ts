/** Images of several sizes in one batch: small ones share a row, and each has the values that it has alone. */
import assert from 'node:assert/strict';
import { before, describe, it, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { tensorOf } from '../../lib/engine/packed.js';
import { Random } from '../../lib/engine/random.js';
import type { ModelConfig } from '../../lib/model/configuration.js';
import { disposeModel, loadModel, type Model } from '../../lib/model/model.js';
import { imageTensors, layOutPatches, patchCount } from '../../lib/model/patch-packing.js';
import type { ImageBatch, ModelWeights, ProcessedImage } from '../../lib/model/tensors.js';
import { encodeImages } from '../../lib/model/vision.js';
import { imageAttention } from '../../lib/model/window-attention.js';
import { FAMILIES, fixtureFolder } from '../support/parity-fixture.js';

before(async () => {
  await startEngine();
});

test('an image goes into the first row that has room for it', () => {
  // The largest has 100 patches. 36 go behind the 64 of the first; 16 and 4 begin a third row.
  assert.deepEqual(layOutPatches([64, 100, 36, 16, 4]), {
    width: 100,
    rows: 3,
    starts: [0, 100, 64, 200, 216],
    shares: true,
  });
});

test('images that fit nowhere together keep their order, a row each', () => {
  assert.deepEqual(layOutPatches([64, 100, 64]), { width: 100, rows: 3, starts: [0, 100, 200], shares: false });
  assert.deepEqual(layOutPatches([]), { width: 0, rows: 0, starts: [], shares: false });
});

const GRIDS = [
  [1, 4, 4],
  [1, 8, 12],
  [1, 2, 6],
  [1, 4, 8],
  [1, 4, 6],
] as const;

function drawImages(config: ModelConfig, grids: readonly (readonly [number, number, number])[]): ProcessedImage[] {
  const { channels, temporalPatchSize, patchSize } = config.vision;
  const random = new Random(1, 'packing');
  return grids.map((grid) => ({
    grid: [...grid],
    pixelValues: Float32Array.from({ length: grid[1] * grid[2] * channels * temporalPatchSize * patchSize ** 2 }, () =>
      random.normal(),
    ),
  }));
}

function batchOf(images: readonly ProcessedImage[], { vision }: ModelConfig) {
  const layout = layOutPatches(images.map(patchCount));
  return { layout, batch: imageTensors(images, layout, vision) };
}

test('a large image and eight small ones take two rows, where nine rows of the largest were padded before', () => {
  const { vision } = { vision: { channels: 1, temporalPatchSize: 1, patchSize: 1, mergeSize: 2 } };
  const config = { vision } as unknown as ModelConfig;
  const { batch } = batchOf(drawImages(config, [[1, 32, 32], ...Array<[1, 8, 8]>(8).fill([1, 8, 8])]), config);
  // 32 x 32 patches; 8 x 8 x 8 are half as many.
  assert.deepEqual(batch.pixels.shape, [2, 1024, 1]);
  assert.equal(batch.owners!.dataSync()[1024 + 64], 2, 'the second small image stands behind the first');
});

for (const family of FAMILIES) {
  describe(family, () => {
    it('visual tokens and gradients of a packed batch are those of one image at a time, as a compiled step', () => {
      const model = loadModel(fixtureFolder(family), { dtype: 'float32' });
      try {
        checkFamily(model);
      } finally {
        disposeModel(model);
      }
    });
  });
}

function checkFamily({ config, parameters }: Model): void {
  const names = Object.keys(parameters).filter((name) => name.startsWith('visual.'));
  const weights = Object.fromEntries(names.map((name) => [name, tensorOf(parameters[name]!)]));
  const step = compile('packed images', ({ weights, images }: { weights: ModelWeights; images: ImageBatch }) => {
    const encode = (parameters: ModelWeights) => {
      const { tokens, deepStack } = encodeImages(parameters, images, config.vision);
      return tf.concat([tokens, ...deepStack], 1);
    };
    const patches = tf.reshape(tf.add(1, tf.div(images.padding, 1e9)), [-1, config.vision.mergeSize ** 2]);
    // Only an image's own visual tokens count, not those of padding.
    const counted = tf.slice(patches, [0, 0], [-1, 1]);
    const loss = (...tensors: tf.Tensor[]) => {
      const moved = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      return tf.sum(tf.mul(counted, tf.square(encode(moved)))) as tf.Scalar;
    };
    return { tokens: encode(weights), gradients: tf.grads(loss)(names.map((name) => tensorOf(weights[name]!))) };
  });
  const images = drawImages(config, GRIDS);
  const { layout, batch } = batchOf(images, config);
  // 96 patches are the largest; 16 + 12 + 32 + 24 fit into the row that the first one began.
  assert.equal(layout.rows, 2);
  const packed = step({ weights, images: batch });
  const alone = images.map((image) => step({ weights, images: batchOf([image], config).batch }));
  const merge = config.vision.mergeSize ** 2;
  images.forEach((image, i) => {
    const [first, count] = [layout.starts[i]! / merge, patchCount(image) / merge];
    const own = tf.slice(packed.tokens, [first, 0], [count, -1]);
    const gap = tf.max(tf.abs(tf.sub(own, alone[i]!.tokens))).dataSync()[0]!;
    const size = tf.max(tf.abs(own)).dataSync()[0]!;
    assert.ok(gap < 1e-5 * size && size > 0, `image ${i + 1} differs by ${gap} of ${size}`);
  });
  names.forEach((name, i) => {
    const sum = tf.addN(alone.map(({ gradients }) => gradients[i]!));
    const gap = tf.norm(tf.sub(packed.gradients[i]!, sum)).dataSync()[0]!;
    const size = tf.norm(sum).dataSync()[0]!;
    assert.ok(gap <= 1e-4 * size + 1e-6, `${name}: the gradient differs by ${gap} of ${size}`);
  });
  step.dispose();
}

test('in chunks of queries the images of a row are kept apart too', () => {
  // 150 patches of two images, and 10 of padding: chunks of 64, 64 and 32 queries.
  const random = new Random(2, 'packing');
  const draw = () =>
    tf.tensor4d(
      Float32Array.from({ length: 2 * 160 * 4 }, () => random.normal()),
      [1, 2, 160, 4],
    );
  const [q, k, v] = [draw(), draw(), draw()];
  const owner = (p: number) => (p < 70 ? 0 : p < 150 ? 1 : -1);
  const owners = tf.tensor2d([Array.from({ length: 160 }, (_, p) => owner(p))], [1, 160], 'int32');
  const padding = tf.tensor2d([Array.from({ length: 160 }, (_, p) => (p < 150 ? 0 : -1e9))]);
  const run = (mostBytes: number) => {
    const attend = imageAttention({ padding, owners }, mostBytes);
    const slopes = tf.grads((q, k, v) => tf.sum(tf.square(attend(q!, k!, v!))))([q, k, v]);
    return [attend(q, k, v), ...slopes];
  };
  const [whole, chunked] = [run(2 ** 27), run(1)];
  whole.forEach((tensor, i) => {
    const gap = tf.max(tf.abs(tf.sub(tensor, chunked[i]!))).dataSync()[0]!;
    assert.ok(gap < 1e-5, `${i}: ${gap}`);
  });
  // The second image alone, from its own 80 patches.
  const part = (x: tf.Tensor) => tf.slice(x, [0, 0, 70, 0], [-1, -1, 80, -1]);
  const alone = imageAttention({ padding: tf.zeros([1, 80]) as tf.Tensor2D })(part(q), part(k), part(v));
  const gap = tf.max(tf.abs(tf.sub(part(chunked[0]!), alone))).dataSync()[0]!;
  assert.ok(gap < 1e-5, `the second image differs by ${gap}`);
});
