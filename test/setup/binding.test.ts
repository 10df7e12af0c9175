/** What the stamp of the binding is made of. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BINDING_HEADERS, BINDING_SOURCES, ROOT } from '../../lib/setup/layout.js';

test('every C++ file of the engine is part of the stamp, so that a change of any of them builds the binding anew', () => {
  const engine = path.join(ROOT, 'lib', 'engine');
  const files = readdirSync(engine, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(cc|h)$/.test(file));
  assert.ok(files.length > 2, `${files}: a weak test`);
  assert.deepEqual(
    [...BINDING_SOURCES, ...BINDING_HEADERS].map((file) => path.relative(engine, file)).sort(),
    files.sort(),
  );
});
