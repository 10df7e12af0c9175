/** The example on data of one's own is what a user would write: it fits the types of the kit, and runs in a folder that is none of the kit's. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { writeShallowModel } from '../support/shallow-model.js';

const root = repositoryRoot();
const examples = path.join(root, 'lib', 'examples');
const FILES = ['own-data.ts', 'own-reward.ts'];
const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'reason-rft-example-')));
after(() => rmSync(folder, { recursive: true }));

/** Runs a program to its end. @returns what it prints */
function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

test('it fits the types, in at most 60 lines of code', () => {
  run(process.execPath, [path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', examples], root);
  const lines = FILES.flatMap((file) => readFileSync(path.join(examples, file), 'utf8').split('\n'));
  const code = lines.filter((line) => !/^\s*(\/?\*.*)?$/.test(line));
  assert.ok(code.length <= 60, `${code.length} lines`);
});

test('in another folder it goes from pictures to a sweep with tables, figures and a page of rollouts', () => {
  for (const file of FILES) copyFileSync(path.join(examples, file), path.join(folder, file));
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(root, 'lib')], folder);
  const tsx = path.join(root, 'node_modules', '.bin', 'tsx');
  const said = run(tsx, ['own-data.ts', '1', '1', '16', writeShallowModel(path.join(folder, 'base'))], folder);
  assert.match(said, /5 runs done; the table: .*sweep\.md, the rollouts of the first run: .*rollouts\.html/);
  const table = readFileSync(path.join(folder, 'runs', 'colours', 'sweep.md'), 'utf8').split('\n');
  assert.deepEqual(
    table.slice(2, 6).map((line) => line.split(' | ').slice(0, 2)),
    [
      ['| 0', '4'],
      ['| 0', '8'],
      ['| 0.04', '4'],
      ['| 0.04', '8'],
    ],
  );
  const outcome = JSON.parse(readFileSync(path.join(folder, 'runs', 'colours', 'sweep.json'), 'utf8')) as {
    rows: { last: { [metric: string]: number }; heldOut?: object; tests: { [set: string]: object } }[];
  };
  for (const { last, heldOut, tests } of outcome.rows) {
    assert.ok(last['rewards/brevity/words']! > 0, 'the own metric is logged');
    assert.ok(heldOut && tests.test);
  }
  for (const file of ['figures/sweep.png', 'figures/curves.png', 'rollouts.html'])
    assert.ok(existsSync(path.join(folder, file)), file);
});
