/** The notebooks, executed by their kernel in order with the tiny profile. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { jupyterEnvironment, VENV_PYTHON } from '../../lib/setup/layout.js';
import { executeNotebook, NOTEBOOKS } from '../../lib/setup/start.js';
import { PARADIGMS } from '../../lib/study/design/paradigms.js';
import type { StudyResults } from '../../lib/study/results/results.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-notebooks-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Those of `npm start`, and the chapters on checkpoints and on data of one's own, which are run by hand. */
const ALL = [...NOTEBOOKS, '05-qwen2-vl', '06-your-own-data'];

interface Notebook {
  cells: {
    cell_type: string;
    source: string | string[];
    outputs?: { output_type: string; data?: { [type: string]: unknown } }[];
  }[];
}

/** Executes all notebooks into a runs folder of their own. */
async function executeAll(runs: string): Promise<void> {
  process.env.REASON_RFT_RUNS = runs;
  for (const name of ALL) {
    const source = path.join(repositoryRoot(), 'notebooks', `${name}.ipynb`);
    await executeNotebook(source, path.join(runs, `${name}.ipynb`), 'tiny');
  }
}

test('every notebook runs to its end and leaves data, cells, figures and results', async () => {
  const runs = path.join(folder, 'first');
  await executeAll(runs);
  for (const name of ALL) {
    const notebook = JSON.parse(readFileSync(path.join(runs, `${name}.ipynb`), 'utf8')) as Notebook;
    const code = notebook.cells.filter((cell) => cell.cell_type === 'code');
    const outputs = code.flatMap((cell) => cell.outputs ?? []);
    assert.ok(outputs.length > 0, `${name} shows nothing`);
    assert.ok(!outputs.some((output) => output.output_type === 'error'), `${name} holds an error`);
    assert.ok(
      outputs.some(({ data }) => /data:image\/png;base64,/.test(String(data?.['text/html'])) || data?.['image/png']),
      `${name} has no picture that shows without JavaScript`,
    );
  }
  // JupyterLab lets their scripts run: Jupyter knows the copies as computed here.
  const check =
    'import nbformat, sys; from nbformat.sign import NotebookNotary as N; ' +
    'sys.exit(not all(N().check_signature(nbformat.read(f, as_version=4)) for f in sys.argv[1:]))';
  const copies = ALL.map((name) => path.join(runs, `${name}.ipynb`));
  execFileSync(VENV_PYTHON, ['-c', check, ...copies], { env: jupyterEnvironment() });
  const results = JSON.parse(readFileSync(path.join(runs, 'tiny', 'results.json'), 'utf8')) as StudyResults;
  assert.deepEqual(
    results.paradigms.map((row) => `${row.paradigm} ${row.testSet}`),
    PARADIGMS.flatMap((paradigm) => [`${paradigm} id`, `${paradigm} ood`]),
  );
  for (const { accuracy } of results.paradigms) {
    assert.deepEqual([accuracy.items, accuracy.perSeed.length], [8, 1]);
    assert.ok(accuracy.interval[0] <= accuracy.mean && accuracy.mean <= accuracy.interval[1]);
  }
  assert.deepEqual(results.missing, []);
  assert.deepEqual(
    [...new Set(results.ablations.map(({ ablation }) => ablation))],
    ['Reward', 'Group size', 'CoT rows in stage 1'],
  );
  assert.deepEqual([results.efficiency, results.controls, results.words], [[], [], []]);
  assert.ok(existsSync(path.join(runs, 'tiny', 'results.html')));
  const merged = readFileSync(path.join(runs, 'tiny', 'export', 'merged', 'config.json'), 'utf8');
  assert.equal((JSON.parse(merged) as { model_type: string }).model_type, 'qwen2_vl');
  // GRPO with adapters, from a start with adapters: trained on that start merged, not on the model below it.
  const cells = path.join(runs, 'tiny', 'cells');
  const starts = readdirSync(cells).map((cell) => path.join(cells, cell, 'start'));
  const [start, ...others] = starts.filter((each) => existsSync(each));
  assert.ok(start !== undefined && others.length === 0);
  const adapter = readFileSync(path.join(start, '..', 'final', 'adapter_config.json'), 'utf8');
  assert.equal((JSON.parse(adapter) as { base_model_name_or_path: string }).base_model_name_or_path, '../start');
  for (const format of ['png', 'svg', 'pdf', 'html', 'txt']) {
    const file = path.join(runs, 'tiny', 'figures', `paradigms-counting.${format}`);
    assert.ok(existsSync(file), `no figure as ${format}`);
  }
});
