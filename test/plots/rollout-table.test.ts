import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { Random } from '../../lib/engine/random.js';
import { contactSheet, imagePng } from '../../lib/plots/images.js';
import { rolloutTable, sampleTable } from '../../lib/plots/rollout-table.js';
import type { RgbImage } from '../../lib/records/image.js';

const red: RgbImage = { width: 2, height: 1, data: new Uint8Array([255, 0, 0, 0, 0, 255]) };

test('an enlarged image keeps its pixels sharp', async () => {
  const { data, info } = await sharp(await imagePng(red, 3))
    .raw()
    .toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height, info.channels], [6, 3, 3]);
  const row = [255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255];
  assert.deepEqual([...data], [...row, ...row, ...row]);
});

test('five pictures of noise of 1600 x 1200 take less than 4 MB of a notebook, where they took 46', async () => {
  const random = new Random(1, 'noise');
  const noise = Uint8Array.from({ length: 1600 * 1200 * 3 }, () => random.word());
  const image: RgbImage = { width: 1600, height: 1200, data: noise };
  const rollout = {
    images: Array(5).fill(image),
    prompt: 'p',
    answer: '1',
    completions: [{ text: 'x', rewards: {}, advantage: 0 }],
  };
  const html = String((await rolloutTable([rollout]))['text/html']);
  assert.equal(html.split('<img ').length - 1, 5);
  assert.ok(html.length < 4e6, `${html.length} bytes`);
  const { width, height } = await sharp(await imagePng(image, 3)).metadata();
  assert.deepEqual([width, height], [384, 288]);
  // As large as fits by whole pixels: 384 / 150 is 2.
  const middling = { width: 150, height: 10, data: new Uint8Array(4500) };
  const enlarged = await sharp(await imagePng(middling, 3)).metadata();
  assert.deepEqual([enlarged.width, enlarged.height], [300, 20]);
  const sheet = await sharp(await contactSheet([image, image], { columns: 2 })).metadata();
  assert.deepEqual([sheet.width, sheet.height], [2 * (384 + 8) + 8, 288 + 8 + 8]);
});

test('an image whose data do not fit its size is refused', async () => {
  await assert.rejects(imagePng({ ...red, width: 3 }), /3 x 1 pixels take 9 bytes, got 6/);
});

test('a contact sheet lays images out by rows', async () => {
  // Cells of 2*4 + 8 by 1*4 + 8 pixels, two across and two down, and a margin of 8.
  const { width, height } = await sharp(await contactSheet([red, red, red], { columns: 2, zoom: 4 })).metadata();
  assert.deepEqual([width, height], [2 * 16 + 8, 2 * 12 + 8]);
  await assert.rejects(contactSheet([]), /no image/);
});

test('rollouts: image, prompt and gold once a group, rewards by name, model text escaped', async () => {
  const bundle = await rolloutTable([
    {
      images: [red],
      prompt: 'How many?',
      answer: '3',
      completions: [
        { text: '<answer>3</answer><script>x</script>', rewards: { accuracy: 1, format: 0 }, advantage: 0.625 },
        { text: 'one two', rewards: { accuracy: 0 }, advantage: -0.625, clipped: true },
      ],
    },
  ]);
  const html = String(bundle['text/html']);
  assert.equal(html.split('<img ').length - 1, 1);
  assert.equal(html.split('>How many?<').length - 1, 1);
  assert.ok(!html.includes('<script') && !html.includes('<answer>'));
  assert.ok(html.includes('one two [cut off]'));
  const [, first, second] = String(bundle['text/plain']).split('\n');
  assert.match(first ?? '', /1 +0 +0\.625$/);
  assert.match(second ?? '', /0 +-0\.625$/);
});

test('samples: a column for each model', async () => {
  const bundle = await sampleTable([
    { images: [red, red], prompt: 'p', answer: '1', outputs: { before: 'x', after: '<b>1</b>' } },
  ]);
  const html = String(bundle['text/html']);
  assert.equal(html.split('<img ').length - 1, 2);
  assert.ok(html.includes('&lt;b&gt;1&lt;/b&gt;'));
  assert.match(String(bundle['text/plain']).split('\n')[0] ?? '', /prompt +gold +before +after/);
});
