/** What validation finds in rows of one's own, and that a run refuses the same rows in the same words. */
import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { readRows } from '../../../lib/records/open-rows.js';
import { problemText } from '../../../lib/records/row-problem.js';
import { checkPictures, processorOf } from '../../../lib/study/data/check-pictures.js';
import { splitWordsText } from '../../../lib/study/data/split-words.js';
import { examineRows, findOverlap } from '../../../lib/study/data/validate-rows.js';
import { shippedModel } from '../../../lib/study/workspace.js';
import { runHere } from '../../support/command-line.js';

const folder = mkdtempSync(path.join(tmpdir(), 'validate-rows-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => path.join(folder, name);
const checkpoint = shippedModel();

const picture = (width: number, height: number, background = '#102030') =>
  sharp({ create: { width, height, channels: 3, background } });
const write = (name: string, rows: readonly object[]) => {
  writeFileSync(at(name), rows.map((row) => JSON.stringify(row)).join('\n'));
  return at(name);
};
const row = (id: string, more: object = {}) => ({
  id,
  image: 'sound.png',
  problem: 'How many objects are there?',
  answer: '2',
  ...more,
});

before(async () => {
  writeFileSync(at('sound.png'), await picture(64, 64).png().toBuffer());
  writeFileSync(at('other.png'), await picture(80, 64, '#ffffff').png().toBuffer());
  const jpeg = await picture(320, 240).jpeg().toBuffer();
  writeFileSync(at('cut.jpg'), jpeg.subarray(0, jpeg.length / 2));
  writeFileSync(at('line.png'), await picture(300, 1).png().toBuffer());
  writeFileSync(at('drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  writeFileSync(at('new.avif'), await picture(64, 64).avif().toBuffer());
  writeFileSync(at('old.bmp'), Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]));
  writeFileSync(at('empty.png'), '');
});

test('every bad row and picture is found, and a run refuses the same pictures in the same words', async () => {
  const bad: [file: string, reason: RegExp][] = [
    ['cut.jpg', /cut\.jpg: not an image that can be read \(.*\); open it in a viewer, or copy it again/],
    ['line.png', /line\.png: an image of 300 x 1 is too narrow: one side may be at most 200 times the other/],
    ['drawing.svg', /drawing\.svg: not an image that can be read \(it is SVG\); convert it to PNG or JPEG/],
    ['new.avif', /new\.avif: not an image that can be read \(it is AVIF\); convert it to PNG or JPEG/],
    ['old.bmp', /old\.bmp: not an image that can be read \(it is BMP\); convert it to PNG or JPEG/],
    ['empty.png', /empty\.png: the file is empty/],
  ];
  const rows = [row('sound'), ...bad.map(([image]) => row(image, { image }))];
  const file = write('bad.jsonl', [...rows, { id: 'x' }, row('missing', { image: 'none.png' })]);
  const { report } = await examineRows({ file }, { checkpoint });
  assert.deepEqual(
    [...new Set(report.problems.map(({ row }) => row))].sort((a, b) => a - b),
    [2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(report.rows, 9);
  const texts = report.problems.map(problemText);
  for (const [, reason] of bad)
    assert.ok(
      texts.some((text) => reason.test(text)),
      `${reason}`,
    );

  const pictures = write('pictures.jsonl', rows);
  const run = checkPictures(await readRows({ file: pictures }), pictures, processorOf(checkpoint));
  await assert.rejects(run, ({ message }: Error) => {
    const lines = message.split('\n').slice(1);
    assert.equal(lines.length, bad.length);
    for (const [i, [image, reason]] of bad.entries()) {
      assert.match(lines[i]!, reason);
      assert.ok(lines[i]!.includes(`pictures.jsonl, row '${image}', field 'image': `));
    }
    return true;
  });
});

test('words that the vocabulary splits, the balance of answers, lengths, duplicates and overlap are counted', async () => {
  const training = write('train.jsonl', [
    row('1', { answer: 'black' }),
    row('2', { answer: 'black', cot: 'the image has 2 zebras.' }),
    row('3', { image: ['sound.png', 'other.png'], answer: '3' }),
    row('4', { image: [], answer: 'red' }),
  ]);
  const { report, prints } = await examineRows({ file: training }, { checkpoint });
  assert.deepEqual(report.problems, []);
  // b, l, a, c, k and the space before: the vocabulary of 677 tokens knows no "black".
  const { answers, rationales } = report.splitWords;
  assert.equal(splitWordsText(answers.words), 'black (6 tokens)');
  assert.equal(answers.rows, 2);
  // A rationale's words are named by themselves.
  assert.match(splitWordsText(rationales.words), /^zebras \(\d tokens\)$/);
  assert.equal(rationales.rows, 1);
  assert.deepEqual(report.answers, {
    different: 3,
    most: [
      { answer: 'black', rows: 2 },
      { answer: '3', rows: 1 },
      { answer: 'red', rows: 1 },
    ],
  });
  assert.deepEqual(report.duplicates, [{ row: '2', earlier: '1' }]);
  assert.deepEqual([report.rowsWithoutRationale, report.pictures.rowsWithout], [3, 1]);
  assert.deepEqual(
    [report.pictures.smallest, report.pictures.largest],
    [
      [64, 64],
      [80, 64],
    ],
  );
  // 64 x 64 are 16 visual tokens; 80 x 64 are 20.
  assert.deepEqual(report.tokens.pictures, { least: 16, mean: (16 + 16 + 36) / 3, most: 36, row: '3' });

  const tests = write('test.jsonl', [
    row('3', { problem: 'How many cubes are there?' }),
    row('9'),
    row('10', { image: 'other.png' }),
    row('11', { image: [], problem: 'What is red?' }),
  ]);
  const examined = await examineRows({ file: tests }, { checkpoint });
  assert.deepEqual(findOverlap(prints, examined.prints), {
    questions: ['9'],
    pictures: ['3', '9', '10'],
    ids: ['3'],
  });
});

/** The exit code of `validate`. That of this process, which a command and a failed test set, stays as it was. */
async function statusOf(...args: string[]): Promise<number | null> {
  const { exitCode } = process;
  process.exitCode = 0;
  const { status } = await runHere(['validate', ...args]);
  process.exitCode = exitCode;
  return status;
}

test('the command ends with 1 where a row would stop a run, and with 0 where none would', async () => {
  const sound = write('sound.jsonl', [row('1'), row('2', { image: 'other.png' })]);
  assert.equal(await statusOf('--data', sound), 0);
  assert.equal(await statusOf('--data', sound, '--prompt', '{{ question }}'), 1);
  const mixed = write('mixed.jsonl', [row('1'), row('2', { task: 'counting' })]);
  assert.equal(await statusOf('--data', sound, '--test', mixed), 1);
  for (const args of [[], ['--data', sound, '--from', folder], ['--test', sound]])
    assert.equal(await statusOf(...args), 2);
});

test('the memory of an examination does not grow with the rows: 80 pictures of 9 MB each are not held', async () => {
  const jpeg = await picture(2000, 1500).jpeg().toBuffer();
  writeFileSync(at('large-0.jpg'), jpeg);
  const names = Array.from({ length: 80 }, (_, i) => `large-${i}.jpg`);
  for (const name of names.slice(1)) linkSync(at('large-0.jpg'), at(name));
  const file = write(
    'large.jsonl',
    names.map((image, i) => row(String(i), { image })),
  );
  await examineRows({ file: write('one.jsonl', [row('1', { image: names[0] })]) }, { checkpoint });
  const before = process.memoryUsage().rss;
  const { report } = await examineRows({ file }, { checkpoint });
  assert.deepEqual([report.rows, report.problems], [80, []]);
  const grown = (process.memoryUsage().rss - before) / 1e6;
  assert.ok(grown < 300, `${grown.toFixed(0)} MB more, where all pictures together are 720 MB`);
});
