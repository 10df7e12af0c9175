import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { encodePng, imageFile, readImage, writePng } from '../../lib/records/image.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'image-'));
after(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string) => path.join(folder, name);

test('what is written is read back to the bit, and nothing else is left', async () => {
  const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 13) };
  await writePng(inFolder('deep/a.png'), image);
  assert.deepEqual(await readImage(inFolder('deep/a.png')), image);
  assert.deepEqual(readdirSync(inFolder('deep')), ['a.png']);
});

test('scaling repeats pixels', async () => {
  writeFileSync(
    inFolder('twice.png'),
    await encodePng({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, 2),
  );
  const { width, height, data } = await readImage(inFolder('twice.png'));
  assert.deepEqual([width, height], [4, 2]);
  assert.deepEqual([...data.slice(0, 12)], [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
});

test('transparency is seen on white, and grey becomes RGB', async () => {
  const clear = { width: 1, height: 1, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } } as const;
  await sharp({ create: clear }).png().toFile(inFolder('clear.png'));
  assert.deepEqual([...(await readImage(inFolder('clear.png'))).data], [255, 255, 255]);
  await sharp(Uint8Array.of(7), { raw: { width: 1, height: 1, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(inFolder('grey.png'));
  assert.deepEqual([...(await readImage(inFolder('grey.png'))).data], [7, 7, 7]);
});

test('what is no image that can be read is named, with what to do', async () => {
  const refused = async (name: string, content: Buffer | string, problem: RegExp) => {
    writeFileSync(inFolder(name), content);
    await assert.rejects(readImage(inFolder(name)), (error: Error) => {
      assert.ok(error.message.startsWith(`${inFolder(name)}: `), error.message);
      assert.match(error.message, problem);
      assert.equal(error.message.split('\n').length, 1);
      return true;
    });
  };
  await assert.rejects(readImage(inFolder('none.png')), /none\.png: there is no such image/);
  await assert.rejects(readImage(folder), /not a file; name an image in it/);
  await refused('empty.png', '', /the file is empty; copy or download it again/);
  await refused(
    'text.png',
    'no picture',
    /not an image that can be read \(.*\); open it in a viewer, or copy it again/,
  );
  const vector = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
  await refused('vector.png', vector, /not an image that can be read \(it is SVG\); convert it to PNG or JPEG/);
  const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) % 251);
  const raw = { width: 64, height: 64, channels: 3 } as const;
  for (const format of ['png', 'jpeg', 'webp'] as const) {
    const whole = await sharp(noise, { raw }).toFormat(format).toBuffer();
    for (const part of [0.02, 0.5, 0.98]) {
      const cut = whole.subarray(0, Math.floor(whole.length * part));
      await refused(`cut-${part}.${format}`, cut, /not an image that can be read/);
    }
  }
  // A bit of the compressed data turned over: the checksum no longer fits.
  const turned = await sharp(noise, { raw }).png().toBuffer();
  turned[turned.length >> 1]! ^= 16;
  await refused('turned.png', turned, /not an image that can be read/);
});

test('an image of too many pixels is refused by its header', async () => {
  // A PNG of one pixel whose header claims 20,000 x 20,000: width and height at bytes 16 and 20, the
  // header's CRC-32 at 29.
  const png = await encodePng({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) });
  png.writeUInt32BE(20_000, 16);
  png.writeUInt32BE(20_000, 20);
  png.writeUInt32BE(0x6c12d16e, 29);
  writeFileSync(inFolder('huge.png'), png);
  const before = process.memoryUsage().rss;
  await assert.rejects(
    readImage(inFolder('huge.png')),
    /huge\.png: 20000 x 20000 pixels are more than the 100 megapixels/,
  );
  // Decoded, they would take 1.2 GB.
  assert.ok(process.memoryUsage().rss - before < 100e6);
});

test('a picture of a format that is not read is named, and so is what to do', async () => {
  const refused = async (name: string, content: Buffer | string, format: string) => {
    writeFileSync(inFolder(name), content);
    await assert.rejects(
      readImage(inFolder(name)),
      new RegExp(`${name}: not an image that can be read \\(it is ${format}\\); convert it to PNG or JPEG`),
    );
  };
  await refused('a.bmp', Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), 'BMP');
  await refused('a.ppm', Buffer.concat([Buffer.from('P6\n2 2\n255\n'), Buffer.alloc(12, 7)]), 'PPM');
  await refused('a.pgm', 'P2 1 1 255 7\n', 'PPM');
  await refused('a.jxl', Buffer.from([0xff, 0x0a, 1, 2, 3]), 'JPEG XL');
  await refused(
    'a.avif',
    await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .avif()
      .toBuffer(),
    'AVIF',
  );
});

test('a name is found in the other Unicode form', () => {
  mkdirSync(inFolder('forms'));
  const [composed, decomposed] = ['Größe.png'.normalize('NFC'), 'Größe.png'.normalize('NFD')];
  assert.notEqual(composed, decomposed);
  writeFileSync(path.join(inFolder('forms'), decomposed), '');
  assert.equal(imageFile(inFolder('forms'), decomposed), path.join(inFolder('forms'), decomposed));
  const found = imageFile(inFolder('forms'), composed);
  assert.equal(found.normalize('NFD'), path.join(inFolder('forms'), decomposed));
  writeFileSync(path.join(inFolder('forms'), 'été.png'.normalize('NFC')), '');
  assert.ok(imageFile(inFolder('forms'), 'été.png'.normalize('NFD')));
});

test('a linked folder of pictures is part of the folder; a linked file that leads out is not', () => {
  mkdirSync(inFolder('disk/deep'), { recursive: true });
  mkdirSync(inFolder('set/images'), { recursive: true });
  writeFileSync(inFolder('disk/deep/a.png'), '');
  writeFileSync(inFolder('secret.png'), '');
  symlinkSync(inFolder('secret.png'), inFolder('disk/deep/secret.png'));
  symlinkSync(inFolder('disk'), inFolder('set/images/train'));
  symlinkSync(inFolder('set/images'), inFolder('set/linked'));
  for (const images of [inFolder('set/images'), inFolder('set/linked')]) {
    assert.equal(imageFile(images, 'train/deep/a.png'), path.join(images, 'train/deep/a.png'));
    assert.throws(() => imageFile(images, 'train/deep/secret.png'), /lies outside/);
    assert.throws(() => imageFile(images, 'train/../../a.png'), /lies outside/);
  }
  // The folder of the released rows and that of converted ones agree.
  assert.equal(imageFile(inFolder('set/images/train'), 'deep/a.png'), inFolder('set/images/train/deep/a.png'));
});

test('a name that leads out of the image folder is refused', () => {
  mkdirSync(inFolder('images/deep'), { recursive: true });
  writeFileSync(inFolder('images/deep/a.png'), '');
  writeFileSync(inFolder('outside.png'), '');
  symlinkSync(inFolder('outside.png'), inFolder('images/linked.png'));
  symlinkSync(folder, inFolder('images/up'));
  symlinkSync(inFolder('images/deep/a.png'), inFolder('images/near.png'));
  symlinkSync(inFolder('images'), inFolder('elsewhere'));
  const images = inFolder('images');
  assert.equal(imageFile(images, 'deep/a.png'), inFolder('images/deep/a.png'));
  assert.equal(imageFile(images, 'near.png'), inFolder('images/near.png'));
  assert.equal(imageFile(inFolder('elsewhere'), 'near.png'), inFolder('elsewhere/near.png'));
  for (const name of [
    '../outside.png',
    'deep/../../outside.png',
    inFolder('outside.png'),
    'linked.png',
    'up/outside.png',
    '.',
    '',
  ])
    assert.throws(() => imageFile(images, name), /lies outside .*images: name a file in that folder/, name);
  // A Hugging Face cache keeps its files under blobs/ and links to them.
  mkdirSync(inFolder('cache/blobs'), { recursive: true });
  mkdirSync(inFolder('cache/snapshots/1/images'), { recursive: true });
  writeFileSync(inFolder('cache/blobs/0a1b'), '');
  symlinkSync('../../../blobs/0a1b', inFolder('cache/snapshots/1/images/a.png'));
  symlinkSync(inFolder('outside.png'), inFolder('cache/snapshots/1/images/b.png'));
  const cached = inFolder('cache/snapshots/1/images');
  assert.equal(imageFile(cached, 'a.png'), path.join(cached, 'a.png'));
  assert.throws(() => imageFile(cached, 'b.png'), /lies outside/);
  assert.throws(() => imageFile(images, '..a.png'), /there is no file .*\.\.a\.png/);
});
