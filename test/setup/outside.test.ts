/** A script in a folder of its own imports the kit as lib/README.md says: npm links `lib` there, without the network. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';

const root = repositoryRoot();
const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'reason-rft-outside-')));
after(() => rmSync(folder, { recursive: true }));

/** Runs a program in the folder. @returns what it prints */
function runThere(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

before(() => {
  writeFileSync(path.join(folder, 'rows.jsonl'), '{"id": "1", "problem": "What is 1 + 1?", "answer": "2"}\n');
  runThere('npm', 'install', '--offline', '--no-audit', '--no-fund', path.join(root, 'lib'));
});

const BODY = "readRows({ file: 'rows.jsonl' }).then(({ records }) => console.log(records[0].answer));";

test('JavaScript imports and requires the kit with plain node', () => {
  writeFileSync(path.join(folder, 'import.mjs'), `import { readRows } from 'reason-rft';\n${BODY}`);
  writeFileSync(path.join(folder, 'require.cjs'), `const { readRows } = require('reason-rft');\n${BODY}`);
  assert.equal(runThere(process.execPath, 'import.mjs'), '2');
  assert.equal(runThere(process.execPath, 'require.cjs'), '2');
});

test('TypeScript imports it, its types and a file of it by path, with the tsx of the kit', () => {
  writeFileSync(
    path.join(folder, 'script.ts'),
    `import { type DataRow, readRows } from 'reason-rft';
import { groupAdvantages } from 'reason-rft/train/advantage';
async function main(): Promise<void> {
  const { records } = await readRows({ file: 'rows.jsonl' });
  const [row] = records as [DataRow];
  console.log(row.problem, typeof groupAdvantages);
}
void main();
`,
  );
  const tsx = path.join(root, 'node_modules', '.bin', 'tsx');
  assert.equal(runThere(tsx, 'script.ts'), 'What is 1 + 1? function');
});

test('the command line runs there too', () => {
  const command = path.join(folder, 'node_modules', '.bin', 'reason-rft');
  assert.match(runThere(command, 'evaluate', '--help'), /Usage: reason-rft evaluate/);
});
