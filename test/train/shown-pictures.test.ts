/** What the model was shown comes back from the log. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { patchify, unpatchify } from '../../lib/model/image-processor.js';
import { RunDirectory } from '../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-pictures-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const PROCESSOR = {
  ...{ minPixels: 1, maxPixels: 1e7, patchSize: 14, temporalPatchSize: 2, mergeSize: 2, rescaleFactor: 1 / 255 },
  ...{ mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711] },
};
const image = (width: number, height: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 5)) % 256),
});

test('patches give back the image that they were cut from, to the byte', () => {
  const original = image(84, 56);
  assert.deepEqual(unpatchify(patchify(original, PROCESSOR), PROCESSOR), original);
});

test('a step’s pictures are logged by the ids of their prompts: small ones to the pixel, large ones made smaller', async () => {
  const run = RunDirectory.open(path.join(folder, 'run'), {});
  const shown = (...images: ReturnType<typeof image>[]) => ({ images: images.map((one) => patchify(one, PROCESSOR)) });
  const small = image(56, 28);
  await run.writePictures(
    3,
    [
      { id: 'a', prompt: shown(small, small) },
      { id: 'none', prompt: shown() },
      { id: 'b', prompt: shown(image(560, 280)) },
    ],
    PROCESSOR,
  );
  const pictures = await run.readPictures(3);
  assert.deepEqual(
    pictures.map(({ id }) => id),
    ['a', 'a', 'b'],
  );
  const { data } = await sharp(pictures[1]!.bytes).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual(new Uint8Array(data), small.data);
  const { format, width, height } = await sharp(pictures[2]!.bytes).metadata();
  assert.deepEqual([format, width, height], ['jpeg', 256, 128]);
  run.rewind(2);
  assert.deepEqual(await run.readPictures(3), []);
});
