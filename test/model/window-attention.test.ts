/** Attention in windows beside loops over patches. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { Random } from '../../lib/engine/random.js';
import type { VisionConfig } from '../../lib/model/architecture.js';
import { imageTensors, layOutPatches, patchCount } from '../../lib/model/patch-packing.js';
import type { ImageBatch } from '../../lib/model/tensors.js';
import { sortByWindow, windowAttention } from '../../lib/model/window-attention.js';

before(async () => {
  await startEngine();
});

/** Images of so many patches high and wide, in windows of 4 x 4 patches, whose only pixel value is the patch's number, from 1. */
function numbered(grids: readonly [number, number][]): ImageBatch {
  const images = grids.map(([h, w]) => ({
    grid: [1, h, w] as [number, number, number],
    pixelValues: Float32Array.from({ length: h * w }, (_, p) => p + 1),
  }));
  const vision = { channels: 1, temporalPatchSize: 1, patchSize: 1, mergeSize: 2, windows: { side: 4 } };
  return imageTensors(images, layOutPatches(images.map(patchCount)), vision as VisionConfig);
}

/** The numbers of the patches of some cells of 2 x 2. */
const cells = (order: number[]) => order.flatMap((cell) => [1, 2, 3, 4].map((i) => 4 * cell + i));

describe('sortByWindow', () => {
  it('lays windows row by row, those at the edge narrower, merged patches together, padding last', () => {
    // 4 x 6 patches are 2 x 3 cells of 2 x 2; windows of 4 x 4 patches: cells 0 1 3 4, then 2 5 of the narrow one.
    // The second image, 2 x 4, has cells 0 1; the 16 patches behind them are padding.
    const sorted = sortByWindow(
      numbered([
        [4, 6],
        [2, 4],
      ]),
      2,
    );
    const { pixels, windows, places, padding } = sorted.images;
    assert.deepEqual(
      [...pixels.dataSync()],
      [...cells([0, 1, 3, 4, 2, 5]), ...cells([0, 1]), ...Array<number>(16).fill(0)],
    );
    assert.deepEqual([...windows!.dataSync().subarray(0, 24)], [...Array(16).fill(0), ...Array(8).fill(1)]);
    const [row, column] = [...places.dataSync()].slice(2 * 16, 2 * 17) as [number, number];
    assert.deepEqual([row, column], [0, 4], 'the first patch of the narrow window');
    assert.equal(places.dtype, 'int32');
    assert.deepEqual([...padding.dataSync().subarray(24)], [...Array(8).fill(0), ...Array(16).fill(-1e9)]);
    const merged = tf.range(0, 12, 1, 'float32');
    const shuffled = [0, 1, 3, 4, 2, 5].map((cell) => merged.dataSync()[cell]!);
    const restored = sorted.restore(tf.tensor2d([...shuffled, 6, 7, 8, 9, 10, 11], [12, 1]));
    assert.deepEqual([...restored.dataSync()], [...merged.dataSync()]);
  });

  it('keeps images that share a row apart: their windows have numbers of their own', () => {
    // 4 x 8 patches are two windows, 0 and 1. The two images of 2 x 6 fit into the second row: two windows each.
    const sorted = sortByWindow(
      numbered([
        [4, 8],
        [2, 6],
        [2, 6],
      ]),
      2,
    );
    const { windows, owners, pixels } = sorted.images;
    const second = [...Array(8).fill(0), ...Array(4).fill(1), ...Array(8).fill(2), ...Array(4).fill(3)];
    assert.deepEqual(
      [...windows!.dataSync()],
      [...Array(16).fill(0), ...Array(16).fill(1), ...second, ...Array(8).fill(2 ** 23)],
    );
    assert.deepEqual(
      [...owners!.dataSync().subarray(32)],
      [...Array(12).fill(1), ...Array(12).fill(2), ...Array(8).fill(-1)],
    );
    assert.deepEqual(
      [...pixels.dataSync().subarray(32)],
      [...cells([0, 1, 2]), ...cells([0, 1, 2]), ...Array<number>(8).fill(0)],
    );
  });
});

describe('windowAttention', () => {
  /** The same by loops over patches and the patches of their window, float64. */
  function byLoops(x: number[][][], windows: readonly number[]): number[] {
    const [q, k, v] = x as [number[][], number[][], number[][]];
    return q.flatMap((query, t) => {
      const seen = windows.flatMap((window, s) => (window === windows[t] ? [s] : []));
      const scores = seen.map((s) => Math.exp(query.reduce((sum, y, i) => sum + y * k[s]![i]!, 0) / Math.sqrt(2)));
      const total = scores.reduce((a, b) => a + b, 0);
      return query.map((_, i) => seen.reduce((sum, s, j) => sum + (scores[j]! / total) * v[s]![i]!, 0));
    });
  }

  // With windows of at most 4 patches: 11 take one masked product, 17 are cut into runs of 4, of which the last is not full.
  for (const windows of [
    [0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 4],
    [0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 4, 5, 6, 6],
  ]) {
    it(`a patch sees its own window alone: ${windows.length} patches, as a compiled step, with the gradient`, () => {
      const random = new Random(1, 'window attention');
      const draw = () => windows.map(() => [random.normal(), random.normal()]);
      const images = [0, 1].map(() => [draw(), draw(), draw()]);
      const tensorOf = (i: number) => tf.tensor(images.map((image) => [image[i]!])) as tf.Tensor4D;
      const ids = tf.tensor2d([windows, windows]);
      type Input = { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; ids: tf.Tensor };
      const step = compile('window attention', ({ q, k, v, ids }: Input) => {
        const attend = windowAttention(ids as tf.Tensor2D, 4);
        const slope = tf.grads((q, k, v) => tf.sum(tf.square(attend(q!, k!, v!))))([q, k, v]);
        return { mixed: attend(q, k, v), slope };
      });
      const input = { q: tensorOf(0), k: tensorOf(1), v: tensorOf(2), ids };
      const { mixed, slope } = step(input);
      const expected = images.flatMap((image) => byLoops(image, windows));
      mixed.dataSync().forEach((x, i) => {
        assert.ok(Math.abs(x - expected[i]!) < 1e-5, `${i}: ${x} against ${expected[i]}`);
      });
      // d sum(y^2) along one entry of the keys of the second image, by a central difference in float64.
      const [image, patch] = [1, windows.length - 2];
      const square = (h: number) => {
        const moved = structuredClone(images);
        moved[image]![1]![patch]![0]! += h;
        return moved.flatMap((image) => byLoops(image, windows)).reduce((sum, y) => sum + y * y, 0);
      };
      const difference = (square(1e-4) - square(-1e-4)) / 2e-4;
      const gradient = slope[1]!.dataSync()[(image * windows.length + patch) * 2]!;
      assert.ok(
        Math.abs(gradient - difference) < 1e-4 && Math.abs(difference) > 1e-3,
        `${gradient} against ${difference}`,
      );
      step.dispose();
    });
  }
});
