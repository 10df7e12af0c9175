/** Which code a cell's numbers come from: what counts as a change, which sources are covered, the same from both builds. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import * as scorers from '../../../lib/rewards/scorer.js';
import {
  changedSources,
  importedModules,
  measuringCode,
  sourceDigest,
  trainingCode,
} from '../../../lib/study/cells/code-version.js';
import { repositoryRoot } from '../../../lib/study/workspace.js';
import { TASKS } from '../../../lib/tasks/tasks.js';

test('comments, blank lines and indentation are no change; a digit is', () => {
  const source = '/** Adds. */\nexport function add(a: number) {\n  // One.\n  return a + 1;\n}\n';
  const mended =
    '/**\n * Adds one.\n * @param a 2 * 3\n */\nexport function add(a: number) {\n\n      return a + 1;\n}\n';
  assert.equal(sourceDigest(source), sourceDigest(mended));
  assert.notEqual(sourceDigest(source), sourceDigest(source.replace('a + 1', 'a + 2')));
  // A product that is broken over lines is no comment.
  assert.notEqual(sourceDigest('const a = b *\n  c;\n'), sourceDigest('const a = b *\n  d;\n'));
});

test('imports are followed, types are not', () => {
  const source = [
    "import path from 'node:path';",
    "import { type A, one } from './one.js';",
    "import {\n  type B,\n  type C,\n} from '../types.js';",
    "import type { D } from './d.js';",
    "import * as all from '../other/all.js';",
    "import './effect.js';",
    "export * from './again.js';",
  ].join('\n');
  assert.deepEqual(importedModules('train/x', source), ['train/one', 'other/all', 'train/effect', 'train/again']);
});

test('a cell depends on what it runs: GRPO on rewards, SFT not; neither on what draws data or makes figures', () => {
  const [sft, grpo] = [trainingCode('sft', false), trainingCode('grpo', false)];
  const both = [
    'engine/compile',
    'engine/operations',
    'model/hidden-states',
    'train/adamw',
    'train/loop',
    'study/cells/examples',
  ];
  for (const name of both) assert.ok(name in sft.files && name in grpo.files, name);
  for (const name of ['train/grpo', 'train/rollout', 'rewards/format', 'rewards/symbolic', 'model/generate'])
    assert.ok(name in grpo.files, name);
  assert.ok('train/sft' in sft.files && !('train/sft' in grpo.files));
  assert.ok(!('train/grpo' in sft.files) && !('rewards/format' in sft.files));
  assert.ok('rewards/scorer' in trainingCode('sft', true).files && !('rewards/scorer' in sft.files));
  const measured = measuringCode('evaluation');
  for (const name of ['rewards/scorer', 'evaluate/interval', 'rewards/function-match', 'model/generate'])
    assert.ok(name in measured.files, name);
  for (const { files } of [sft, grpo, measured, measuringCode('heldOut')]) {
    const strange = Object.keys(files).filter((name) =>
      /^(tasks|plots|setup|cli|bench)\/|draw-rows|data-folder|paradigms/.test(name),
    );
    assert.deepEqual(strange, []);
  }
  assert.notEqual(sft.version, grpo.version);
});

test('every task is scored by a scorer that the digest covers', () => {
  for (const { name, score } of Object.values(TASKS)) assert.ok(Object.values(scorers).includes(score), name);
});

test('what changed is named', () => {
  const before = { version: 'a', files: { 'train/x': '1', 'train/y': '2', 'train/gone': '3' } };
  const now = { version: 'b', files: { 'train/x': '1', 'train/y': '4', 'train/new': '5' } };
  assert.deepEqual(changedSources(before, now), ['train/gone', 'train/new', 'train/y']);
});

const lib = path.join(repositoryRoot(), 'lib');
/** Whether lib was compiled since these sources were changed; `npm test` does so first. */
function isBuilt(names: readonly string[]): boolean {
  return names.every((name) => {
    const map = path.join(lib, 'dist', `${name}.js.map`);
    if (!existsSync(map)) return false;
    const { sourcesContent } = JSON.parse(readFileSync(map, 'utf8')) as { sourcesContent?: string[] };
    return sourcesContent?.[0] === readFileSync(path.join(lib, `${name}.ts`), 'utf8');
  });
}

const names = ['study/cells/code-version', ...Object.keys(trainingCode('grpo', true).files)];
const skip = isBuilt(names) ? false : 'lib is not built from these sources: npm run build';
test('the built package has the versions of its sources', { skip }, () => {
  const built = path.join(lib, 'dist', 'study', 'code-version.js');
  const other = require(built) as typeof import('../../../lib/study/cells/code-version.js');
  assert.deepEqual(other.trainingCode('grpo', true), trainingCode('grpo', true));
  assert.deepEqual(other.measuringCode('evaluation'), measuringCode('evaluation'));
});
