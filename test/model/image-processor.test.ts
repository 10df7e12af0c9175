/** The image processor: settings in both layouts, sizes, patches and their order. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { resizeBicubic } from '../../lib/model/bicubic.js';
import {
  type ImageProcessor,
  loadImageProcessor,
  patchify,
  processedGrid,
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
  it('gives the values of torchvision', () => {
    // torchvision 0.29, resize((1, 4)) and ((1, 12)), bicubic with antialiasing, of 0, 36, 73, ..., 255 in all channels.
    const ramp = [0, 36, 73, 109, 146, 182, 219, 255];
    const image = { width: 8, height: 1, data: Uint8Array.from(ramp.flatMap((v) => [v, v, v])) };
    const red = (width: number) => [...resizeBicubic(image, 1, width).data].filter((_, i) => i % 3 === 0);
    const twelve = [0, 15, 42, 67, 91, 115, 140, 164, 188, 213, 240, 255];
    assert.deepEqual(red(4), [20, 90, 165, 235]);
    assert.deepEqual(red(12), twelve);
    const column = { width: 1, height: 8, data: image.data };
    assert.deepEqual(
      [...resizeBicubic(column, 12, 1).data].filter((_, i) => i % 3 === 0),
      twelve,
    );
  });
  it('is used by processImage where the size changes', () => {
    const image = { width: 6, height: 6, data: Uint8Array.from({ length: 108 }, (_, i) => (i * 37) % 256) };
    // 6 / 4 = 1.5 rounds to 2: 8 x 8.
    assert.deepEqual(processImage(image, identity), patchify(resizeBicubic(image, 8, 8), identity));
  });
  it('is left out where do_resize is false, and then the sides must be whole windows', () => {
    const asItIs = { ...identity, resize: false, minPixels: 1000 };
    const image = { width: 8, height: 4, data: Uint8Array.from({ length: 96 }, (_, i) => i) };
    assert.deepEqual(processImage(image, asItIs), patchify(image, identity));
    const odd = { width: 6, height: 4, data: new Uint8Array(72) };
    assert.throws(() => processImage(odd, asItIs), /6 x 4 cannot be cut into windows of 4 x 4, and do_resize is false/);
  });
});

describe('processedGrid', () => {
  it('refuses an image of too many patches with its size, the memory and what to change', () => {
    // 700 x 700 pixels are 350 x 350 patches of 2 x 2, each of 3 x 2 x 2 x 2 numbers of 4 bytes.
    const image = { width: 700, height: 700, data: new Uint8Array(0) };
    const refusal =
      /an image of 700 x 700 would be cut into 122500 patches of 2 x 2, 12 MB .*at most 100000 .*max_pixels \(1000000\)/;
    assert.throws(() => processedGrid(image, { ...identity, maxPixels: 1e6 }), refusal);
    assert.throws(() => processedGrid(image, { ...identity, maxPixels: 1e6, resize: false }), refusal);
    assert.deepEqual(processedGrid(image, { ...identity, maxPixels: 40_000 }), [1, 100, 100]);
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
  const write = (json: object, name = 'preprocessor_config.json') =>
    writeFileSync(path.join(folder, name), JSON.stringify(json));
  it('reads the old layout and the new', () => {
    write({ ...base, min_pixels: 100, max_pixels: 200 });
    const old = loadImageProcessor(folder);
    write({ ...base, size: { shortest_edge: 100, longest_edge: 200 } });
    assert.deepEqual(loadImageProcessor(folder), old);
    assert.deepEqual([old.minPixels, old.maxPixels, old.rescaleFactor], [100, 200, 1 / 255]);
  });
  it('reads the bounds by either names in `size`, one of them alone, and refuses a size of another kind', () => {
    const bounds = (json: object) => {
      write({ ...base, ...json });
      const { minPixels, maxPixels } = loadImageProcessor(folder);
      return [minPixels, maxPixels];
    };
    // As some programs write Qwen2-VL's; it was read as no size, 1,003,520 pixels at most.
    assert.deepEqual(bounds({ size: { min_pixels: 3136, max_pixels: 12_845_056 } }), [3136, 12_845_056]);
    assert.deepEqual(bounds({ size: { longest_edge: 12_845_056 } }), [3136, 12_845_056]);
    assert.deepEqual(bounds({ size: { max_pixels: 12_845_056 }, max_pixels: 5000 }), [3136, 5000]);
    assert.throws(() => bounds({ size: { height: 224, width: 224 } }), /preprocessor_config\.json: size: .*height/);
  });
  it('knows the processor by the name that early files of Qwen2.5-VL have', () => {
    write({ ...base, max_pixels: 4000 });
    const own = loadImageProcessor(folder);
    write({ ...base, max_pixels: 4000, image_processor_type: 'Qwen2_5_VLImageProcessor' });
    assert.deepEqual(loadImageProcessor(folder), own);
  });
  it("takes transformers' values where fields are missing, and the older field where both are there", () => {
    write({});
    assert.deepEqual(loadImageProcessor(folder), {
      minPixels: 3136,
      maxPixels: 1003520,
      resize: true,
      resampling: 'torchvision',
      patchSize: 14,
      temporalPatchSize: 2,
      mergeSize: 2,
      rescaleFactor: 1 / 255,
      mean: [0.48145466, 0.4578275, 0.40821073],
      deviation: [0.26862954, 0.26130258, 0.27577711],
    });
    write({ ...base, min_pixels: 100, max_pixels: null, size: { shortest_edge: 150, longest_edge: 200 } });
    const { minPixels, maxPixels } = loadImageProcessor(folder);
    assert.deepEqual([minPixels, maxPixels], [100, 200]);
  });
  it("resamples as Pillow where the file names transformers' class that does", () => {
    for (const [type, resampling] of [
      ['Qwen2VLImageProcessor', 'torchvision'],
      ['Qwen2VLImageProcessorFast', 'torchvision'],
      ['Qwen2VLImageProcessorPil', 'pillow'],
    ]) {
      write({ ...base, image_processor_type: type });
      assert.equal(loadImageProcessor(folder).resampling, resampling);
    }
    const image = { width: 7, height: 5, data: Uint8Array.from({ length: 105 }, (_, i) => (i * 97) % 256) };
    const pillow = { ...identity, resampling: 'pillow' } as const;
    assert.deepEqual(processImage(image, pillow), patchify(resizeBicubic(image, 4, 8, 'pillow'), identity));
  });
  it("takes the bounds asked for in place of the file's, one or both", () => {
    write({ ...base, min_pixels: 100, max_pixels: 200 });
    const bounds = (asked: object) => {
      const { minPixels, maxPixels } = loadImageProcessor(folder, asked);
      return [minPixels, maxPixels];
    };
    assert.deepEqual(bounds({ maxPixels: 150 }), [100, 150]);
    assert.deepEqual(bounds({ minPixels: 50 }), [50, 200]);
    assert.deepEqual(bounds({ minPixels: 300, maxPixels: 400 }), [300, 400]);
    assert.throws(() => bounds({ maxPixels: 50 }), /pixels, 100, is more than the most, 50 \(asked for\)/);
    assert.throws(() => bounds({ minPixels: 250 }), /pixels, 250 \(asked for\), is more than the most, 200/);
    assert.throws(() => bounds({ maxPixels: 0 }), /maxPixels must be a number of pixels above 0, but is 0/);
    assert.throws(() => bounds({ minPixels: Number.NaN }), /minPixels must be .* but is NaN/);
    write({ ...base, do_resize: false });
    assert.throws(() => bounds({ maxPixels: 150 }), /do_resize: false.*maxPixels would change nothing/);
  });
  it('turns off what the file turns off', () => {
    write({ ...base, do_resize: false, do_rescale: false, do_normalize: false });
    const { resize, rescaleFactor, mean, deviation } = loadImageProcessor(folder);
    assert.deepEqual(
      { resize, rescaleFactor, mean, deviation },
      { ...{ resize: false, rescaleFactor: 1 }, mean: [0, 0, 0], deviation: [1, 1, 1] },
    );
  });
  it('names the file and the field that are wrong', () => {
    write({ ...base, image_std: [0.5, 0, 0.5] });
    assert.throws(() => loadImageProcessor(folder), /preprocessor_config\.json: image_std\.1/);
    write({ ...base, resample: 2 });
    assert.throws(() => loadImageProcessor(folder), /resample: only 3, bicubic, is known/);
    write({ ...base, min_pixels: 300, max_pixels: 200 });
    assert.throws(() => loadImageProcessor(folder), /least number of pixels, 300, is more than the most, 200/);
    write({ ...base, min_pixels: 1e12, max_pixels: 2e12 });
    assert.throws(
      () => loadImageProcessor(folder),
      /preprocessor_config\.json: the least number of pixels, 1000000000000, makes \d+ patches of every image; at most 100000/,
    );
    write({ ...base, image_processor_type: 'CLIPImageProcessor' });
    assert.throws(
      () => loadImageProcessor(folder),
      /image_processor_type: 'CLIPImageProcessor' is not known; the kit reads Qwen2VLImageProcessor, .*Qwen2_5_VLImageProcessor/,
    );
  });
  it('prefers the file that holds all processors, where it holds this one', () => {
    write({ ...base, min_pixels: 100, max_pixels: 200 });
    write({ processor_class: 'Qwen2VLProcessor' }, 'processor_config.json');
    assert.equal(loadImageProcessor(folder).maxPixels, 200);
    write({ image_processor: { ...base, size: { shortest_edge: 100, longest_edge: 250 } } }, 'processor_config.json');
    assert.equal(loadImageProcessor(folder).maxPixels, 250);
    write({ image_processor: { ...base, patch_size: 0 } }, 'processor_config.json');
    assert.throws(() => loadImageProcessor(folder), /processor_config\.json: patch_size/);
    rmSync(path.join(folder, 'processor_config.json'));
    rmSync(path.join(folder, 'preprocessor_config.json'));
    assert.throws(() => loadImageProcessor(folder), /cannot read .*preprocessor_config\.json.*checkpoint folder/);
  });
});
