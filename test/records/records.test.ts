import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readRecords, writeRecords } from '../../lib/records/records.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'records-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(path.join(folder, 'images'));
writeFileSync(path.join(folder, 'images', 'a.png'), '');
writeFileSync(path.join(folder, 'secret.png'), '');
const file = path.join(folder, 'rows.jsonl');

const row = (id: string) => ({
  ...{ id, image: 'a.png', problem: 'How many?', answer: '2', cot: 'objects: 2.' },
  task: 'counting',
  family: 'count',
  domain: 'id',
  scene: { objects: [] },
  program: { ask: {} },
});

/** The message with which reading the content fails. */
function failure(content: string, read: (file: string) => unknown = readRecords): string {
  writeFileSync(file, content);
  try {
    read(file);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was read');
}

test('what is written as JSON Lines is read back, and so is a JSON array', () => {
  const rows = [row('1'), { ...row('2'), image: ['a.png', 'a.png'], cot: 'line 1\nline 2 \u2028 "quoted" 😀' }];
  writeRecords(file, rows);
  assert.deepEqual(readRecords(file), rows);
  assert.deepEqual(
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    rows,
  );
  writeFileSync(file, JSON.stringify(rows, null, 2));
  assert.deepEqual(readRecords(file), rows);
  assert.deepEqual(readdirSync(folder).sort(), ['images', 'rows.jsonl', 'secret.png']);
});

test('images may lie elsewhere, and blank lines, a byte-order mark and CRLF do no harm', () => {
  writeFileSync(file, `\uFEFF${JSON.stringify({ ...row('1'), image: 'secret.png' })}\r\n\r\n`);
  assert.equal(readRecords(file, folder).length, 1);
});

test('every bad row is named at once, with file, row, field and reason', () => {
  const { answer: _, ...unanswered } = row('2');
  const lines = [
    JSON.stringify(row('1')),
    JSON.stringify(unanswered),
    '{"id": "3", ',
    '7',
    JSON.stringify({ ...row('5'), answer: 2 }),
    JSON.stringify({ ...row('6'), image: [] }),
    JSON.stringify({ ...row('7'), image: 'b.png' }),
    JSON.stringify(row('1')),
    JSON.stringify({ ...row('9'), problem: '' }),
  ];
  const message = failure(lines.join('\n'));
  assert.match(message, /^8 problems in the records of .*rows\.jsonl:/);
  for (const expected of [
    /rows\.jsonl, row 2, field 'answer': is missing/,
    /row 3, whole row: not JSON/,
    /row 4, whole row: .*expected object/,
    /row 5, field 'answer': is not a string, but a number/,
    /row 6, field 'image': (is neither|Too small)/,
    /row 7, field 'image': there is no file .*b\.png/,
    /row 8, field 'id': '1' is also the id of row 1/,
    /row 9, field 'problem': is empty/,
  ]) {
    assert.match(message, expected);
  }
});

test('a text that no model could read is refused with its row and the limit', () => {
  const long = JSON.stringify({ ...row('2'), problem: 'a'.repeat(10_000_000) });
  const message = failure(`${JSON.stringify(row('1'))}\n${long}`);
  assert.match(message, /rows\.jsonl, row 2, field 'problem': has 10000000 characters; at most 100000 are possible/);
});

test('an image outside the folder is refused, though it exists', () => {
  for (const image of ['../secret.png', path.join(folder, 'secret.png'), 'x/../../secret.png', '.', '..']) {
    assert.match(failure(JSON.stringify({ ...row('1'), image })), /lies outside/, image);
  }
});

test('a long list of problems is cut, and says so', () => {
  const message = failure(Array.from({ length: 25 }, () => '{').join('\n'));
  assert.equal(message.split('\n').length, 1 + 20 + 1);
  assert.match(message, /^25 problems/);
  assert.match(message, /and 5 more$/);
});

test('no file, no rows, half an array', () => {
  assert.throws(() => readRecords(path.join(folder, 'none.jsonl')), /cannot read the records in .*none\.jsonl/);
  assert.match(failure(''), /there are no records in/);
  assert.match(failure('[{"id": "1"}'), /begin as a JSON array but are not one/);
});

test('a failed write leaves the old file and nothing else', () => {
  writeRecords(file, [row('1')]);
  const circular: { self?: object } = {};
  circular.self = circular;
  assert.throws(() => writeRecords(file, [row('2'), circular]), /cannot write .*rows\.jsonl/);
  assert.equal(readRecords(file)[0]!.id, '1');
  assert.deepEqual(readdirSync(folder).sort(), ['images', 'rows.jsonl', 'secret.png']);
});
