import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type JsonRow, streamJsonRows } from '../../lib/records/json-rows.js';
import { collect } from '../support/collect.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'json-rows-'));
after(() => rmSync(folder, { recursive: true }));
const file = path.join(folder, 'rows.json');

async function rows(content: string): Promise<JsonRow[]> {
  writeFileSync(file, content);
  return collect(streamJsonRows(file));
}

/** What is read of each row: its value, or its fault. */
async function values(content: string): Promise<unknown[]> {
  return (await rows(content)).map(({ json, broken }) => broken ?? json);
}

test('an array and JSON Lines give the same rows', async () => {
  const written = [{ a: 'x' }, { b: [1, { c: ',]}' }] }, { d: '\\"],[{ \u2028 😀' }, 7, 'x,y', null];
  const expected = written.map((json, i) => ({ row: i + 1, json }));
  assert.deepEqual(await rows(JSON.stringify(written, null, 4)), expected);
  assert.deepEqual(await rows(`\uFEFF\n ${JSON.stringify(written)}\n`), expected);
  assert.deepEqual(await rows(written.map((row) => JSON.stringify(row)).join('\r\n')), expected);
});

test('no rows', async () => {
  for (const content of ['', '  \n', '[]', ' [ \n ] ']) assert.deepEqual(await rows(content), [], content);
});

test('a broken row is reported by its number, and reading goes on after it', async () => {
  const [first, second, third] = await rows('[{"a": 1}, {"b" 2}, {"c": 3}]');
  assert.deepEqual(
    [first, third],
    [
      { row: 1, json: { a: 1 } },
      { row: 3, json: { c: 3 } },
    ],
  );
  assert.equal(second!.row, 2);
  assert.match(second!.broken!, /^not JSON \(/);
  const lines = await rows('{"a": 1}\n\n{"b"\n{"c": 3}');
  assert.deepEqual(
    lines.map(({ row, broken }) => [row, broken === undefined]),
    [
      [1, true],
      [3, false],
      [4, true],
    ],
  );
});

test('an array that is not one: cut off, closed wrongly, gone on after, with commas too many', async () => {
  assert.deepEqual(await values('[1, {"a": 2'), [1, 'the file ends before the array does']);
  assert.deepEqual(await values('[1}'), ["a '}' ends the array"]);
  assert.deepEqual(await values('[1] [2]'), [1, 'text after the end of the array']);
  for (const content of ['[1,]', '[1,,2]', '[,1]']) {
    assert.equal((await values(content)).filter((value) => /^not JSON/.test(String(value))).length, 1, content);
  }
});

test('a row that does not end is given up before it fills the memory', async () => {
  const [, last] = await rows(`[1, "${'x'.repeat(17_000_000)}`);
  assert.deepEqual(last, { row: 2, broken: 'longer than 16 million characters; is a quote or a bracket missing?' });
});

test('pieces of the file may end anywhere, within a letter and within an escape too', async () => {
  // Node reads 64 KiB at a time; of rows of 7 characters and more, some are cut at every place.
  const texts = Array.from({ length: 40_000 }, (_, i) => `é"\\${i}`);
  assert.deepEqual(await values(JSON.stringify(texts)), texts);
});

test('a file that cannot be read is named', async () => {
  await assert.rejects(collect(streamJsonRows(path.join(folder, 'none'))), /cannot read .*none: ENOENT/);
});
