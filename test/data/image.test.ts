import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { encodePng, readImage, writePng } from '../../lib/data/image.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'image-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => path.join(folder, name);

test('what is written is read back to the bit, and nothing else is left', async () => {
  const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 13) };
  await writePng(at('deep/a.png'), image);
  assert.deepEqual(await readImage(at('deep/a.png')), image);
  assert.deepEqual(readdirSync(at('deep')), ['a.png']);
});

test('scaling repeats pixels', async () => {
  writeFileSync(at('twice.png'), await encodePng({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, 2));
  const { width, height, data } = await readImage(at('twice.png'));
  assert.deepEqual([width, height], [4, 2]);
  assert.deepEqual([...data.slice(0, 12)], [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
});

test('transparency is seen on white, and grey becomes RGB', async () => {
  const clear = { width: 1, height: 1, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } } as const;
  await sharp({ create: clear }).png().toFile(at('clear.png'));
  assert.deepEqual([...(await readImage(at('clear.png'))).data], [255, 255, 255]);
  await sharp(Uint8Array.of(7), { raw: { width: 1, height: 1, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(at('grey.png'));
  assert.deepEqual([...(await readImage(at('grey.png'))).data], [7, 7, 7]);
});

test('a missing, a broken and a cut image are named', async () => {
  await assert.rejects(readImage(at('none.png')), /none\.png: there is no such image/);
  writeFileSync(at('broken.png'), 'no picture');
  await assert.rejects(readImage(at('broken.png')), /broken\.png: not an image that can be read/);
  const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) % 251);
  const png = await encodePng({ width: 64, height: 64, data: noise });
  writeFileSync(at('cut.png'), png.subarray(0, png.length / 2));
  await assert.rejects(readImage(at('cut.png')), /cut\.png: not an image that can be read/);
});

test('an image of too many pixels is refused by its header', async () => {
  // A PNG of one pixel whose header claims 20,000 x 20,000: width and height at bytes 16 and 20, the
  // header's CRC-32 at 29.
  const png = await encodePng({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) });
  png.writeUInt32BE(20_000, 16);
  png.writeUInt32BE(20_000, 20);
  png.writeUInt32BE(0x6c12d16e, 29);
  writeFileSync(at('huge.png'), png);
  await assert.rejects(readImage(at('huge.png')), /huge\.png: .*exceeds pixel limit/);
});
