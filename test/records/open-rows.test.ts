/** Rows of one's own: what a row needs, what it may bring, and how a bad one is named. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readRows } from '../../lib/records/open-rows.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'open-rows-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(path.join(folder, 'images'));
for (const name of ['images/a.png', 'b.png', 'images/both.png', 'both.png']) writeFileSync(path.join(folder, name), '');

const file = path.join(folder, 'rows.jsonl');
const write = (...rows: object[]) => {
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  return { file };
};
const row = (id: unknown, more: object = {}) => ({ id, problem: 'What colour?', answer: 'black', ...more });

test('a row needs id, problem and answer; pictures are none, one or several; all further columns stay', async () => {
  const source = write(
    row('1'),
    row(2, { image: 'a.png', answer: 7 }),
    row('3', { images: ['a.png', 'b.png'], cot: 'it is black.', shape: { sides: 4 }, task: 'vqa' }),
  );
  assert.deepEqual(await readRows(source), {
    records: [
      row('1', { image: [] }),
      row('2', { image: ['a.png'], answer: '7' }),
      row('3', { image: ['a.png', 'b.png'], cot: 'it is black.', shape: { sides: 4 }, task: 'vqa' }),
    ],
    files: [
      [],
      [path.join(folder, 'images', 'a.png')],
      [path.join(folder, 'images', 'a.png'), path.join(folder, 'b.png')],
    ],
  });
});

test('a JSON array is read as JSON Lines are', async () => {
  writeFileSync(file, JSON.stringify([row('1'), row('2')], null, 2));
  assert.deepEqual((await readRows({ file })).records, [row('1', { image: [] }), row('2', { image: [] })]);
});

test('every bad row is named with file, row, field and reason', async () => {
  const { answer: _, ...unanswered } = row('1');
  const source = write(
    unanswered,
    row('2', { image: 'none.png' }),
    row('2'),
    row('4', { image: 'both.png' }),
    row('5', { image: '../x.png' }),
    row('6', { image: 'a.png', images: ['a.png'] }),
    row('7', { image: 3 }),
    row('8', { problem: true }),
  );
  writeFileSync(file, '\n{"id": \n', { flag: 'a+' });
  await assert.rejects(readRows(source), ({ message }: Error) => {
    for (const expected of [
      /^9 problems in the records of .*rows\.jsonl/,
      /rows\.jsonl, row 1, field 'answer': is missing/,
      /row 2, field 'image': there is no file .*images.none\.png, nor .*none\.png/,
      /row 3, field 'id': '2' is also the id of row 2/,
      /row 4, field 'image': 'both\.png' means .*images.both\.png and .*both\.png; say which folder/,
      /row 5, field 'image': '\.\.\/x\.png' lies outside/,
      /row 6, field 'images': stands beside image/,
      /row 7, field 'image': is neither a file name nor a list/,
      /row 8, field 'problem': is not a string, but a boolean/,
    ])
      assert.match(message, expected);
    return true;
  });
});

test('with a folder of pictures named, names are looked for there alone', async () => {
  const source = write(row('1', { image: 'b.png' }));
  await assert.rejects(
    readRows({ ...source, images: path.join(folder, 'images') }),
    /there is no file .*images.b\.png$/m,
  );
  assert.equal((await readRows({ ...source, images: folder })).files[0]![0], path.join(folder, 'b.png'));
});
