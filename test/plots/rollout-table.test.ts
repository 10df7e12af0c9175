import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
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
