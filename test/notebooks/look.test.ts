/** JupyterLab in a real browser: a reader looks at figures, and the notebook stays as it is. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { JupyterLab } from './jupyterlab.js';

const root = repositoryRoot();
mkdirSync(path.join(root, 'runs'), { recursive: true });
// Inside the repository, where the notebook finds its packages and the page plotly.js.
const folder = mkdtempSync(path.join(root, 'runs', 'look-test-'));
let lab: JupyterLab;

before(async () => {
  lab = await JupyterLab.start({ root, venv: path.join(root, '.venv') });
});
after(async () => {
  await lab?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('under the mouse a figure becomes interactive, and the notebook stays unchanged, in memory and on the disk', async () => {
  const file = path.join(folder, 'look.ipynb');
  const source = [
    "import { show } from 'reason-rft';",
    "const title = { text: 'two points' };",
    'await show({ data: [{ x: [1, 2], y: [3, 4] }], layout: { title } });',
  ];
  const cell = {
    cell_type: 'code',
    id: 'figure',
    source: source.join('\n'),
    metadata: {},
    outputs: [],
    execution_count: null,
  };
  const metadata = { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } };
  writeFileSync(file, JSON.stringify({ cells: [cell], metadata, nbformat: 4, nbformat_minor: 5 }));
  const notebook = await lab.open(path.relative(root, file));
  await notebook.run(0);
  await notebook.waitForCell(0, 90_000);
  const picture = notebook.cell(0).locator('img[alt="two points"]');
  await picture.waitFor({ timeout: 60_000 });
  await notebook.save();
  const saved = readFileSync(file, 'utf8');
  assert.match(saved, /data:image\/png;base64/);
  assert.equal(await notebook.changed(), false);
  await picture.hover();
  await notebook
    .cell(0)
    .locator('.js-plotly-plot path.js-line')
    .first()
    .waitFor({ state: 'attached', timeout: 60_000 });
  await notebook.page.mouse.move(0, 0);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(await notebook.changed(), false, 'looking at a figure changed the notebook');
  assert.equal(readFileSync(file, 'utf8'), saved);
});
