/**
 * JupyterLab in a real browser: 03-grpo is opened and run, its plot moves, an interrupt stops it, a second run goes on, and a page that
 * is closed and opened again meanwhile shows where the run is.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { cellFolder } from '../../lib/study/cells/cell-identity.js';
import { curateTrainingRows } from '../../lib/study/data/curate-rows.js';
import { writeStudyData } from '../../lib/study/data/data-folder.js';
import { sampleTestRows, sampleTrainingRows } from '../../lib/study/data/draw-rows.js';
import { reasonRftCell } from '../../lib/study/design/paradigms.js';
import { openStudy, repositoryRoot } from '../../lib/study/workspace.js';
import { grpoSettings } from '../../lib/train/settings.js';
import { JupyterLab } from './jupyterlab.js';

/** More than are done before the page has come back, on a fast machine too. */
const STEPS = 150;

const root = repositoryRoot();
mkdirSync(path.join(root, 'runs'), { recursive: true });
// Inside the repository, where the page reads the files of the run through the server.
const runs = mkdtempSync(path.join(root, 'runs', 'lab-test-'));
const study = openStudy('tiny', path.join(runs, 'tiny'));
let lab: JupyterLab;

before(async () => {
  const tests = sampleTestRows(study, 'counting');
  await writeStudyData(study, curateTrainingRows(study, sampleTrainingRows(study, 'counting'), tests).kept, tests);
  const env = { REASON_RFT_PROFILE: 'tiny', REASON_RFT_RUNS: runs };
  lab = await JupyterLab.start({ root, venv: path.join(root, '.venv'), env });
});
after(async () => {
  await lab?.stop();
  rmSync(runs, { recursive: true, force: true });
});

test('03-grpo: the plot moves, an interrupt leaves a checkpoint, a second run goes on, and a page that comes back follows it', async () => {
  const source = JSON.parse(readFileSync(path.join(root, 'notebooks', '03-grpo.ipynb'), 'utf8')) as {
    cells: { id: string; cell_type: string; source: string[] | string }[];
  };
  const text = (cell: { source: string[] | string }) => [cell.source].flat().join('');
  const training = source.cells.findIndex((cell) => cell.cell_type === 'code' && /await runCellLive/.test(text(cell)));
  assert.ok(training > 0, 'the notebook has no training cell');
  const planned = reasonRftCell(study, 'counting');
  // The rate is the chapter's parameter `studyRate`.
  const changes = { steps: STEPS, schedule: { learningRate: 1e-4 } };
  const run = cellFolder(study, { ...planned, settings: grpoSettings(changes, planned.settings) });
  const steps = () => {
    try {
      return readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').trim().split('\n').length;
    } catch {
      return 0;
    }
  };
  const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
    for (let i = 0; i < 1200; i++) {
      if (await holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const shown = await notebook.outputText(training);
    throw new Error(`waited four minutes for: ${what}\nthe cell shows:\n${shown}\n${lab.serverLog().slice(-2000)}`);
  };

  // A copy, as JupyterLab saves what it runs; inside the repository, where the notebook finds its packages.
  const copy = path.join(runs, '03-grpo.ipynb');
  const longer = text(source.cells[training]!).replace(
    'beta, seed, schedule }',
    `beta, seed, schedule, steps: ${STEPS} }`,
  );
  assert.notEqual(longer, text(source.cells[training]!), 'the training cell has other settings than this test changes');
  const cells = source.cells.map((cell, i) => (i === training ? { ...cell, source: longer } : cell));
  writeFileSync(copy, JSON.stringify({ ...source, cells }));
  lab.trust(copy);
  let notebook = await lab.open(path.relative(root, copy));
  // What the training cell reads; the chapter's short runs are executed in execute.test.ts.
  for (const id of ['03-parameters', '03-imports', '03-row']) {
    const i = source.cells.findIndex((cell) => cell.id === id);
    assert.ok(i >= 0 && i < training, `the notebook has no cell ${id}`);
    await notebook.run(i);
    await notebook.waitForCell(i, 180_000);
  }
  await notebook.run(training);
  const pictures = new Set<string>();
  await until('the reward plot to change while it trains', async () => {
    const curves = (await notebook.curves(training)).join(';');
    if (curves) pictures.add(curves);
    return pictures.size >= 2 && steps() >= 2;
  });
  await notebook.waitForKernel('busy', 1000);
  await notebook.interrupt();
  const checkpoints = () =>
    existsSync(path.join(run, 'checkpoints')) ? readdirSync(path.join(run, 'checkpoints')) : [];
  await until('the checkpoint that an interrupt leaves', () => checkpoints().some((name) => /^step-\d+$/.test(name)));
  const stopped = steps();
  assert.ok(stopped < STEPS, `it had finished all ${stopped} steps before the interrupt`);
  assert.deepEqual(checkpoints(), [`step-${String(stopped).padStart(6, '0')}`]);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  assert.equal(steps(), stopped, 'training went on behind the interrupt');
  let words = '';
  await until("the trainer's words", async () => {
    words = await notebook.outputText(training);
    return /^stopped after step \d+ of \d+; a checkpoint lies in .*: run the same again to go on from it$/m.test(words);
  });
  assert.doesNotMatch(words, /tslab|Interrupted asynchronously|^\s+at /m);

  await notebook.run(training);
  await until('the run to go on', async () => steps() > stopped && (await notebook.curves(training)).length > 0);
  await notebook.save();
  await notebook.page.close();
  const closed = steps();
  // The page knows by its age that an output was drawn before it was opened.
  await new Promise((resolve) => setTimeout(resolve, 5500));
  notebook = await lab.open(path.relative(root, copy), 'busy');
  const note = () => notebook.cell(training).locator('.reason-rft-note').textContent();
  await until('the old output to follow the run', async () => / follows the run from its file/.test((await note())!));
  await until('its line to be of the present step', async () => {
    const line = /reason-rft (\d+)\/\d+/.exec(await notebook.outputText(training));
    return Number(line?.[1]) > closed;
  });
  await notebook.interrupt();
  await until('the words on its end', async () =>
    /it stopped after step \d+ of \d+ by an interrupt; .* Run the cell again/.test((await note())!),
  );
  const rows = readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const logged = rows.map((row) => (JSON.parse(row) as { step: number }).step);
  assert.ok(logged.length > closed && logged.length < STEPS, `${logged.length} steps`);
  assert.deepEqual(
    logged,
    logged.map((_, i) => i + 1),
  );
});
