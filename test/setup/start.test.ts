/** What `npm start` does with a notebook that fails (`notebooks/execute.test.ts` runs those that do not), and what its like print. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { printReport } from '../../lib/setup/doctor.js';
import { SetupFailure } from '../../lib/setup/failure.js';
import { executeNotebook } from '../../lib/setup/start.js';
import { testFiles } from '../../lib/setup/test.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

// Inside the repository, where a notebook finds the types of Node.
mkdirSync(path.join(repositoryRoot(), 'runs'), { recursive: true });
const folder = mkdtempSync(path.join(repositoryRoot(), 'runs', 'start-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A notebook with these code cells. */
function notebook(name: string, cells: string[]): string {
  const file = path.join(folder, name);
  const content = {
    cells: cells.map((source, i) => ({
      cell_type: 'code',
      id: `cell${i}`,
      source,
      metadata: {},
      outputs: [],
      execution_count: null,
    })),
    metadata: { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  writeFileSync(file, JSON.stringify(content));
  return file;
}

test('a cell that throws fails the run; the copy holds the outputs up to there and the error; no half-written file stays', async () => {
  const target = path.join(folder, 'failed.ipynb');
  const source = notebook('bad.ipynb', [
    'console.log(6 * 7)',
    "throw new Error('row 3 has no image')",
    'console.log(1)',
  ]);
  await assert.rejects(executeNotebook(source, target, 'tiny'), (error: SetupFailure) => {
    assert.ok(error instanceof SetupFailure);
    assert.match(error.message, /bad\.ipynb did not run to its end/);
    return error.exitCode === 1;
  });
  const { cells } = JSON.parse(readFileSync(target, 'utf8')) as { cells: { outputs: { text?: string[] }[] }[] };
  assert.equal(cells[0]!.outputs[0]!.text?.join(''), '42\n');
  assert.match(JSON.stringify(cells[1]!.outputs), /row 3 has no image/);
  assert.equal(cells[2]!.outputs.length, 0);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.partial')),
    [],
  );
});

test('the doctor is content only where nothing is missing', (t) => {
  const lines = t.mock.method(console, 'log', () => undefined).mock;
  const printed = () => lines.calls.map((call) => String(call.arguments[0])).join('\n');
  assert.equal(printReport({ found: { node: '22.1.0' }, missing: [] }, false), true);
  assert.equal(printed(), 'node        22.1.0\nnothing is missing');
  assert.equal(printReport({ found: {}, missing: [{ name: 'a kernel', mend: 'npm start' }] }, false), false);
  assert.match(printed(), /missing {5}a kernel; mend: npm start$/);
});

test('a place of tests that is not there is named', () => {
  assert.throws(() => testFiles(path.join(folder, 'nothing')), /there is no .*nothing; name a file or a folder/);
  writeFileSync(path.join(folder, 'a.test.ts'), '');
  assert.deepEqual(testFiles(path.join(folder, 'a.test.ts')), [path.join(folder, 'a.test.ts')]);
});
