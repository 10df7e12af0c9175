import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import sharp from 'sharp';
import { readImage } from '../../lib/data/image.js';
import { resizeBicubic } from '../../lib/model/bicubic.js';
import {
  type ImageProcessor,
  loadImageProcessor,
  patchify,
  processImage,
  smartResize,
} from '../../lib/model/image-processor.js';

const folder = mkdtempSync(path.join(tmpdir(), 'image-processor-'));
after(() => rmSync(folder, { recursive: true }));

/** Bytes pass through unchanged: value / 1, mean 0, deviation 1. */
const identity: ImageProcessor = {
  minPixels: 16,
  maxPixels: 4096,
  patchSize: 2,
  temporalPatchSize: 2,
  mergeSize: 2,
  mean: [0, 0, 0],
  deviation: [1, 1, 1],
  rescaleFactor: 1,
};

describe('smartResize', () => {
  // Expected sizes are those of transformers' smart_resize (5.23), which 3,000 random sizes also agreed with.
  it('rounds to the factor, half to even', () => {
    // 70 / 28 = 2.5 rounds to 2, 98 / 28 = 3.5 rounds to 4.
    assert.deepEqual(smartResize(70, 98, 28, 3136, 1003520), { height: 56, width: 112 });
  });
  it('keeps the area within bounds', () => {
    // 1200 x 1600: beta = sqrt(1,920,000 / 1,003,520) = 1.3832; floor(867.55 / 28) = 30, floor(1156.7 / 28) = 41.
    assert.deepEqual(smartResize(1200, 1600, 28, 3136, 1003520), { height: 840, width: 1148 });
    // 33 x 40: 28 * 28 < 3136; beta = sqrt(3136 / 1320) = 1.5413; ceil(50.86 / 28) = 2, ceil(61.65 / 28) = 3.
    assert.deepEqual(smartResize(33, 40, 28, 3136, 1003520), { height: 56, width: 84 });
  });
  it('refuses extreme shapes', () => {
    assert.throws(() => smartResize(1, 201, 28, 3136, 1003520), /201 x 1 is too narrow/);
  });
});

describe('patchify', () => {
  it('lays patches window by window, each [channel, frame, y, x]', () => {
    // 8 x 4 pixels, patches of 2: grid 2 x 4, two windows of 2 x 2 patches. Red = 10 y + x, green = 100 + red, blue = 200.
    const image = { width: 8, height: 4, data: new Uint8Array(4 * 8 * 3) };
    for (let y = 0; y < 4; y++)
      for (let x = 0; x < 8; x++) image.data.set([10 * y + x, 100 + 10 * y + x, 200], (y * 8 + x) * 3);
    const { pixelValues, grid } = patchify(image, identity);
    assert.deepEqual(grid, [1, 2, 4]);
    assert.equal(pixelValues.length, 8 * 3 * 2 * 4);
    const reds = Array.from({ length: 8 }, (_, patch) => [...pixelValues.slice(patch * 24, patch * 24 + 4)]);
    assert.deepEqual(reds, [
      [0, 1, 10, 11],
      [2, 3, 12, 13],
      [20, 21, 30, 31],
      [22, 23, 32, 33],
      [4, 5, 14, 15],
      [6, 7, 16, 17],
      [24, 25, 34, 35],
      [26, 27, 36, 37],
    ]);
    assert.deepEqual(
      [...pixelValues.slice(0, 24)],
      [0, 1, 10, 11, 0, 1, 10, 11, 100, 101, 110, 111, 100, 101, 110, 111, ...Array<number>(8).fill(200)],
    );
  });
  it('normalises as (value * factor - mean) / deviation', () => {
    const image = { width: 4, height: 4, data: new Uint8Array(48).fill(51) };
    const { pixelValues } = patchify(image, {
      ...identity,
      rescaleFactor: 1 / 255,
      mean: [0.5, 0.2, 0],
      deviation: [0.25, 1, 0.5],
    });
    // 51 / 255 = 0.2: (0.2 - 0.5) / 0.25 = -1.2; 0; 0.2 / 0.5 = 0.4.
    for (const [channel, expected] of [-1.2, 0, 0.4].entries()) {
      assert.ok(Math.abs(pixelValues[channel * 8]! - expected) < 1e-6);
    }
  });
});

describe('resizeBicubic', () => {
  it('gives the values of Pillow', () => {
    // PIL.Image.fromarray(ramp).resize((4, 1) and (12, 1), BICUBIC), Pillow 13.0, for 0, 36, 73, ..., 255 in all channels.
    const ramp = [0, 36, 73, 109, 146, 182, 219, 255];
    const image = { width: 8, height: 1, data: Uint8Array.from(ramp.flatMap((v) => [v, v, v])) };
    const red = (width: number) => [...resizeBicubic(image, 1, width).data].filter((_, i) => i % 3 === 0);
    assert.deepEqual(red(4), [20, 90, 165, 235]);
    assert.deepEqual(red(12), [0, 15, 42, 67, 91, 115, 140, 164, 188, 213, 240, 255]);
    const column = { width: 1, height: 8, data: image.data };
    assert.deepEqual(
      [...resizeBicubic(column, 12, 1).data].filter((_, i) => i % 3 === 0),
      [0, 15, 42, 67, 91, 115, 140, 164, 188, 213, 240, 255],
    );
  });
  it('is used by processImage where the size changes', async () => {
    const image = { width: 6, height: 6, data: Uint8Array.from({ length: 108 }, (_, i) => (i * 37) % 256) };
    // 6 / 4 = 1.5 rounds to 2: 8 x 8.
    assert.deepEqual(await processImage(image, identity), patchify(resizeBicubic(image, 8, 8), identity));
  });
});

describe('readImage', () => {
  it('lays transparency on white and makes grey RGB', async () => {
    const clear = path.join(folder, 'clear.png');
    await sharp(Buffer.from([255, 0, 0, 255, 0, 0, 0, 0]), { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toFile(clear);
    assert.deepEqual(await readImage(clear), {
      width: 2,
      height: 1,
      data: Uint8Array.from([255, 0, 0, 255, 255, 255]),
    });
    const grey = path.join(folder, 'grey.png');
    await sharp(Buffer.from([7, 200]), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(grey);
    assert.deepEqual([...(await readImage(grey)).data], [7, 7, 7, 200, 200, 200]);
  });
  it('turns an image upright', async () => {
    const turned = path.join(folder, 'turned.png');
    // Orientation 6: the stored first row is the right-hand column.
    await sharp(Buffer.from([1, 1, 1, 2, 2, 2]), { raw: { width: 2, height: 1, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toFile(turned);
    assert.deepEqual(await readImage(turned), { width: 1, height: 2, data: Uint8Array.from([1, 1, 1, 2, 2, 2]) });
  });
  it('names a missing or broken file', async () => {
    await assert.rejects(readImage(path.join(folder, 'none.png')), /none\.png: there is no such image/);
    const text = path.join(folder, 'text.png');
    writeFileSync(text, 'not an image');
    await assert.rejects(readImage(text), /text\.png: not an image that can be read/);
    const whole = await sharp({
      create: {
        width: 64,
        height: 64,
        channels: 3,
        background: '#123456',
        noise: { type: 'gaussian', mean: 9, sigma: 30 },
      },
    })
      .png()
      .toBuffer();
    const cut = path.join(folder, 'cut.png');
    writeFileSync(cut, whole.subarray(0, whole.length / 2));
    await assert.rejects(readImage(cut), /cut\.png: not an image that can be read/);
  });
});

describe('loadImageProcessor', () => {
  const base = {
    patch_size: 14,
    temporal_patch_size: 2,
    merge_size: 2,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
  const write = (json: object) => writeFileSync(path.join(folder, 'preprocessor_config.json'), JSON.stringify(json));
  it('reads the old layout and the new', () => {
    write({ ...base, min_pixels: 100, max_pixels: 200 });
    const old = loadImageProcessor(folder);
    write({ ...base, size: { shortest_edge: 100, longest_edge: 200 } });
    assert.deepEqual(loadImageProcessor(folder), old);
    assert.deepEqual([old.minPixels, old.maxPixels, old.rescaleFactor], [100, 200, 1 / 255]);
  });
  it('names the field that is wrong', () => {
    write({ ...base, image_std: [0.5, 0, 0.5] });
    assert.throws(() => loadImageProcessor(folder), /preprocessor_config\.json: image_std\.1/);
  });
});
