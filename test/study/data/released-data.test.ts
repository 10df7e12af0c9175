/** The profile `paper` on files in the released format, with the shipped model in place of a published one. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine } from '../../../lib/engine/backend.js';
import { preparePrompts } from '../../../lib/model/deferred-prompt.js';
import { disposeModel, loadModel } from '../../../lib/model/model.js';
import { cellRows } from '../../../lib/study/cells/cell-rows.js';
import { encodeSftRows } from '../../../lib/study/cells/encode-rows.js';
import { prepareSftRows } from '../../../lib/study/cells/prepared-rows.js';
import { evaluateCell, runCell } from '../../../lib/study/cells/run-cell.js';
import { validationRows } from '../../../lib/study/cells/validation-rows.js';
import { dataFolder } from '../../../lib/study/data/data-folder.js';
import { loadRows } from '../../../lib/study/data/load-rows.js';
import { writeReleasedData } from '../../../lib/study/data/released-data.js';
import { paradigmCell } from '../../../lib/study/design/paradigms.js';
import { studyGrid, WHOLE_STUDY } from '../../../lib/study/design/study-grid.js';
import { PAPER_PROFILE, type Profile } from '../../../lib/study/profile.js';
import { computeResults } from '../../../lib/study/results/compute-results.js';
import { openStudy, releasedDataset, repositoryRoot, type Study } from '../../../lib/study/workspace.js';
import { TASK_NAMES } from '../../../lib/tasks/tasks.js';
import type { SftExample } from '../../../lib/train/sft.js';

const dataset = path.join(repositoryRoot(), 'test', 'data', 'fixtures', 'released');
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-paper-'));
before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The paper's profile for data of a handful of rows. */
const few = (trainRows: number, stageOneRows: number) => ({
  ...{ trainRows, stageOneRows, grpoEpochs: 1 },
  efficiency: { rows: [trainRows], seeds: [1], leastSftSteps: 1 },
});
const small: Profile = {
  ...PAPER_PROFILE,
  seeds: [1],
  grpo: { ...PAPER_PROFILE.grpo, promptsPerStep: 2, completions: 2 },
  completionTokens: 8,
  tasks: { counting: few(6, 2), structure: { ...few(3, 2), stageTwoFrom: 0 }, transformation: few(2, 1) },
};
const study: Study = { profile: small, folder, base: path.join(repositoryRoot(), 'data', 'nano') };

/** Runs with environment variables set, or unset. */
function within<T>(variables: { [name: string]: string | undefined }, work: () => T): T {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (entries: readonly (readonly [string, string | undefined])[]) => {
    for (const [name, value] of entries) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(Object.entries(variables));
  try {
    return work();
  } finally {
    set(before);
  }
}

test('checkpoint and dataset are named by the environment; what is missing is said', () => {
  const without = { REASON_RFT_MODEL: undefined, REASON_RFT_DATASET: undefined };
  assert.throws(() => within(without, () => openStudy('paper')), /needs REASON_RFT_MODEL: a checkpoint's folder/);
  assert.throws(() => within(without, releasedDataset), /needs REASON_RFT_DATASET: the download of tanhuajie2001/);
  assert.throws(
    () => within({ REASON_RFT_MODEL: '/nowhere' }, () => openStudy('paper')),
    /REASON_RFT_MODEL names \/nowhere, which does not exist/,
  );
  const opened = within({ REASON_RFT_MODEL: study.base }, () => openStudy('paper', folder));
  assert.deepEqual([opened.base, opened.profile.name], [study.base, 'paper']);
  assert.equal(within({ REASON_RFT_DATASET: dataset }, releasedDataset), dataset);
});

test('the data of a task are converted with their images; too few rows and other data are refused, nothing half-written', async () => {
  const paper = { ...study, profile: PAPER_PROFILE };
  await assert.rejects(
    writeReleasedData(paper, 'counting', dataset),
    /holds 6 sound training rows of counting; profile paper trains on 35000/,
  );
  assert.deepEqual(readdirSync(path.dirname(dataFolder(study, 'counting'))), []);
  for (const task of TASK_NAMES)
    await Promise.all([writeReleasedData(study, task, dataset), writeReleasedData(study, task, dataset)]);
  assert.deepEqual(readdirSync(path.dirname(dataFolder(study, 'counting'))).sort(), [...TASK_NAMES].sort());
  const { rows } = await writeReleasedData(study, 'counting', dataset);
  assert.deepEqual(rows, { train: 6, id: 2, ood: 2 });
  const { records, images } = await loadRows(study, 'train', 'transformation');
  assert.deepEqual([records.length, images.map((each) => each.length)], [2, [2, 2]]);
  const other = path.join(folder, 'other');
  cpSync(dataset, other, { recursive: true });
  await assert.rejects(writeReleasedData(study, 'counting', other), /holds other data; remove it/);
  assert.throws(() => validationRows(study, 'counting', 4), /held-out rows are drawn/);
});

test('images that are read when a step needs them give the same examples as those that are held', async () => {
  const model = loadModel(study.base);
  try {
    const cell = paradigmCell(study, 'cot-sft', 'counting', 1);
    const examples = encodeSftRows(model, prepareSftRows(await cellRows(study, cell), 'cot'));
    assert.ok(examples.every(({ prompt }) => typeof prompt === 'function'));
    const held = encodeSftRows(model, prepareSftRows(await loadRows(study, 'train', 'counting'), 'cot'));
    assert.deepEqual(await preparePrompts<SftExample>(examples), held);
  } finally {
    disposeModel(model);
  }
});

test('its cells train and are measured; structure’s stage 2 takes all rows again', async () => {
  const rft = paradigmCell(study, 'reason-rft', 'structure', 1);
  assert.deepEqual(rft.rows, [0, 3]);
  // 3 rows / 2 prompts a step.
  const result = await runCell(study, rft);
  assert.deepEqual([result.steps, result.trainingRows], [2, 3]);
  for (const set of ['id', 'ood'] as const) await evaluateCell(study, rft, set, 'think');
  const results = computeResults(study);
  assert.deepEqual(
    results.paradigms.map(({ task, paradigm, testSet, accuracy, trainingRows }) => [
      task,
      paradigm,
      testSet,
      accuracy.items,
      trainingRows,
    ]),
    [
      ['structure', 'reason-rft', 'id', 2, 3],
      ['structure', 'reason-rft', 'ood', 1, 3],
    ],
  );
  // By the pictures' bytes: those of the test sets are others.
  assert.deepEqual(
    results.leakage.map(({ task, testItems, trainingRows, sharedScenes }) => [
      task,
      testItems,
      trainingRows,
      sharedScenes,
    ]),
    [
      ['counting', 4, 6, 0],
      ['structure', 3, 3, 0],
      ['transformation', 3, 2, 0],
    ],
  );
  const names = studyGrid(study, { ...WHOLE_STUDY, parts: ['paradigms'] }).map(({ name }) => name);
  assert.ok(
    results.missing.includes('structure/cot-sft/seed 1') && !results.missing.includes('structure/reason-rft/seed 1'),
  );
  assert.ok(names.every((name) => name === 'structure/reason-rft/seed 1' || results.missing.includes(name)));
});
