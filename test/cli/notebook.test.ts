/** `reason-rft notebook`: a notebook executed into a copy with parameters of one's own; wrong usage is refused before anything runs. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { runHere, runProcess } from '../support/command-line.js';

// Inside the repository, where a notebook finds its packages.
mkdirSync(path.join(repositoryRoot(), 'runs'), { recursive: true });
const folder = mkdtempSync(path.join(repositoryRoot(), 'runs', 'notebook-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const cell = (id: string, source: string, tags: string[] = []) => ({
  ...{ cell_type: 'code', id, source, metadata: { tags }, outputs: [], execution_count: null },
});
const source = path.join(folder, 'sum.ipynb');
const kernelspec = { name: 'tslab', display_name: 'TypeScript', language: 'typescript' };
const cells = [
  cell('parameters', 'const a = 1;\nconst b = 2;', ['parameters']),
  cell('sum', "import { readdirSync } from 'node:fs';\nconsole.log(a + b, readdirSync('.').includes('sum.ipynb'));"),
];
writeFileSync(source, JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }));

test('the copy has the values that were asked for, and runs in the folder of its source', async () => {
  const out = path.join(folder, 'out', 'copy.ipynb');
  const { status, stderr } = await runHere(['notebook', source, '-p', 'a=40', '--out', out, '--profile', 'tiny']);
  assert.equal(status, 0, stderr);
  const copy = JSON.parse(readFileSync(out, 'utf8')) as {
    cells: { source: string[] | string; metadata: { tags?: string[] }; outputs: { text?: string[] | string }[] }[];
  };
  assert.deepEqual(copy.cells[1]!.metadata.tags, ['injected-parameters']);
  assert.equal([copy.cells[1]!.source].flat().join(''), '// Parameters\nconst a = 40;');
  assert.equal([copy.cells[2]!.outputs[0]!.text!].flat().join(''), '42 true\n');
  assert.equal((JSON.parse(readFileSync(source, 'utf8')) as { cells: object[] }).cells.length, 2);
});

test('wrong usage is answered with what is possible, and nothing is written', async () => {
  const out = path.join(folder, 'never.ipynb');
  for (const [args, message] of [
    [[source, '-p', 'c=1', '--out', out], /no parameter 'c'; the parameters are a, b/],
    [[source, '-p', 'a', '--out', out], /-p takes NAME=VALUE, got 'a'/],
    [[source, '-p', 'a=x', '--out', out], /'a' must be a number, such as 1, but is 'x'/],
    [['99', '--out', out], /no chapter '99'; the chapters are 01-data-curation/],
    [[source, '-p', 'a=1'], /--out is missing/],
    [[source, '--out', source], /would write over/],
  ] as const) {
    const { status, stderr } = await runHere(['notebook', ...args]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  assert.ok(!existsSync(out));
  const { stdout } = runProcess(['notebook', source, '--list']);
  assert.equal(stdout, 'a = 1\nb = 2\n');
});
