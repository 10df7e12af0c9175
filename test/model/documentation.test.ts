/** The README of the model's room names its files, and no others. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const LIB = path.join(__dirname, '../../lib');

test('the table of parts names every file of lib/model once or more, and none that does not exist', () => {
  const readme = readFileSync(path.join(LIB, 'model/README.md'), 'utf8');
  const parts = readme.slice(readme.indexOf('## Where each part'), readme.indexOf('## Families'));
  const named = new Set([...parts.matchAll(/`([\w-]+\.ts)`/g)].map(([, file]) => file!));
  const files = readdirSync(path.join(LIB, 'model')).filter((file) => file.endsWith('.ts'));
  assert.deepEqual([...named].sort(), files.sort());
});
