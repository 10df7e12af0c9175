/** Images of every kind against transformers' Qwen2VLImageProcessor, from the fixtures of `make_image_fixtures.py`. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { resizeBicubic } from '../../lib/model/bicubic.js';
import { loadImageProcessor, processImage, smartResize } from '../../lib/model/image-processor.js';
import type { ProcessedImage } from '../../lib/model/tensors.js';
import { readImage } from '../../lib/records/image.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

interface Processed {
  grid: number[];
  /** float32 in base 64. */
  pixels: string;
}

const folder = path.join(repositoryRoot(), 'test', 'parity', 'fixtures', 'image-processor');
const expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as {
  images: { [file: string]: Processed };
  switches: ({ options: object } & Processed)[];
  resized: { from: [number, number]; to: [number, number]; source: string; torchvision: string; pillow: string }[];
  sizes: [number, number, number, number, number, number, number][];
};
const processor = loadImageProcessor(folder);

/** The largest difference of pixel values; the grids must be equal. */
function difference(actual: ProcessedImage, { grid, pixels }: Processed): number {
  assert.deepEqual(actual.grid, grid);
  const bytes = Buffer.from(pixels, 'base64');
  assert.equal(actual.pixelValues.length, bytes.length / 4);
  return actual.pixelValues.reduce((most, value, i) => Math.max(most, Math.abs(value - bytes.readFloatLE(4 * i))), 0);
}

describe('beside transformers', () => {
  // One level of 255 is 0.014 to 0.015 of a normalised value: what is within 1e-5 has the same bytes.
  for (const file of Object.keys(expected.images)) {
    it(`${file} has the same pixel values`, async () => {
      const image = await readImage(path.join(folder, file));
      assert.ok(difference(processImage(image, processor), expected.images[file]!) < 1e-5);
    });
  }

  it('steps that the file turns off are left out, and its numbers are used', async (t) => {
    const written = mkdtempSync(path.join(tmpdir(), 'image-processor-'));
    t.after(() => rmSync(written, { recursive: true }));
    const standard = JSON.parse(readFileSync(path.join(folder, 'preprocessor_config.json'), 'utf8')) as object;
    const image = await readImage(path.join(folder, 'colour.png'));
    for (const { options, ...processed } of expected.switches) {
      writeFileSync(path.join(written, 'preprocessor_config.json'), JSON.stringify({ ...standard, ...options }));
      const actual = processImage(image, loadImageProcessor(written));
      assert.ok(difference(actual, processed) < 1e-3, JSON.stringify(options));
    }
  });

  for (const resampling of ['torchvision', 'pillow'] as const) {
    it(`resizing as ${resampling} gives the same bytes, larger and smaller`, () => {
      for (const { from, to, source, ...bytes } of expected.resized) {
        const image = { width: from[0], height: from[1], data: Buffer.from(source, 'base64') };
        const resized = resizeBicubic(image, to[1], to[0], resampling);
        assert.deepEqual(Buffer.from(resized.data), Buffer.from(bytes[resampling], 'base64'));
      }
    });
  }

  it('500 random sizes are resized to the same sizes', () => {
    for (const [height, width, factor, least, most, ...size] of expected.sizes) {
      const resized = smartResize(height, width, factor, least, most);
      assert.deepEqual([resized.height, resized.width], size, `${height} x ${width}, ${factor}, ${least}, ${most}`);
    }
  });
});
