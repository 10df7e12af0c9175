import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readJsonFile } from '../../lib/engine/read-json.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-json-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a damaged file is named, with what to do', () => {
  const file = path.join(folder, 'code.json');
  for (const [content, reason] of [
    ['', /code\.json is damaged \(Unexpected end of JSON input\): remove it/],
    ['{"version": "1', /code\.json is damaged \(Unterminated string.*\): remove it/],
    ['null', /code\.json is damaged \(it holds null\): remove it/],
    ['3', /code\.json is damaged \(it holds 3\): remove it/],
  ] as const) {
    writeFileSync(file, content);
    assert.throws(() => readJsonFile(file, 'remove it'), reason);
  }
  writeFileSync(file, '{"version": "1"}');
  assert.deepEqual(readJsonFile(file, 'remove it'), { version: '1' });
});

test('a file that is not there is the system’s own error, which names it', () => {
  assert.throws(() => readJsonFile(path.join(folder, 'none.json'), 'remove it'), /ENOENT.*none\.json/);
});
