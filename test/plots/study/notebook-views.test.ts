import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { rolloutViews, sampleViews, showStudyFigures } from '../../../lib/plots/study/notebook-views.js';
import { writePng } from '../../../lib/records/image.js';
import { writeRecords } from '../../../lib/records/records.js';
import { cellSteps } from '../../../lib/study/cells/cell.js';
import { cellCurves, openCellRun } from '../../../lib/study/cells/run-cell.js';
import { dataFolder } from '../../../lib/study/data/data-folder.js';
import { paradigmCell, stageOneCell } from '../../../lib/study/design/paradigms.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { madeUpResults } from '../../support/study-results.js';

const study = openStudy('tiny', mkdtempSync(path.join(tmpdir(), 'reason-rft-views-')));
after(() => rmSync(study.folder, { recursive: true, force: true }));

test('rollouts and samples are put together from records, images and logs', async () => {
  const data = dataFolder(study, 'counting');
  mkdirSync(path.join(data, 'images'), { recursive: true });
  const records = ['a', 'b'].map((id, i) => ({
    ...{ id, image: `${id}.png`, problem: `question ${id}`, answer: String(i), cot: 'one', task: 'counting' },
    ...{ family: 'count', domain: 'id', scene: {}, program: {} },
  }));
  for (const [i, { image }] of records.entries()) {
    await writePng(path.join(data, 'images', image), { width: 1, height: 1, data: new Uint8Array([i, i, i]) });
  }
  for (const name of ['train', 'test-id', 'test-ood']) writeRecords(path.join(data, `${name}.jsonl`), records);

  const cell = paradigmCell(study, 'reason-rft', 'counting');
  const G = cell.settings.completions;
  const run = openCellRun(study, cell);
  const logged = (step: number, id: string, g: number) => ({
    ...{
      step,
      id,
      prompt: 'q',
      solution: '0',
      completion: `${id}${g}`,
      rewards: { right: g, absent: null },
      reward: g,
    },
    ...{ advantage: g - 1, tokens: 1, ended: g > 0 },
  });
  const group = (step: number, id: string) => Array.from({ length: G }, (_, g) => logged(step, id, g));
  run.writeCompletions(1, group(1, 'a'));
  run.writeCompletions(2, [...group(2, 'b'), ...group(2, 'a')]);

  const views = await rolloutViews(study, cell, 2, 1);
  assert.equal(views.length, 1);
  assert.deepEqual([views[0]!.prompt, views[0]!.answer, views[0]!.images[0]!.data[0]], ['question b', '1', 1]);
  assert.equal(views[0]!.completions.length, G);
  assert.deepEqual(views[0]!.completions[0], { text: 'b0', rewards: { right: 0 }, advantage: -1, clipped: true });
  await assert.rejects(rolloutViews(study, cell, 3, 1), /no completions of step 3/);

  const item = (completion: string) => ({
    ...{
      id: 'a',
      family: 'count',
      solution: '0',
      completion,
      score: 1,
      correct: true,
      formatted: true,
      tokens: 1,
      ended: true,
    },
  });
  const evaluation = { accuracy: 1, count: 1, interval: [0, 1] as [number, number], formatted: 1, meanTokens: 1 };
  const samples = await sampleViews(study, 'counting', 'id', { before: { ...evaluation, items: [item('x')] } }, 1);
  assert.deepEqual(
    samples.map(({ prompt, answer, outputs }) => ({ prompt, answer, outputs })),
    [{ prompt: 'question a', answer: '0', outputs: { before: 'x' } }],
  );

  run.append('metrics.jsonl', [{ step: 1, reward: 0.5 }]);
  assert.deepEqual(cellCurves(study, cell), [{ step: 1, reward: 0.5 }]);
});

test('the steps of a cell: GRPO’s own number, or the batches of all epochs', () => {
  assert.equal(cellSteps(paradigmCell(study, 'reason-rft', 'counting')), study.profile.grpo.steps);
  // 16 rows in batches of 8, once.
  assert.equal(cellSteps(stageOneCell(study, 'counting')), 2);
});

test('a figure that the results do not hold is named with those that they do', async () => {
  const none = { ...madeUpResults(['counting']), ablations: [], phenomena: [], controls: [], words: [], claims: [] };
  await assert.rejects(
    showStudyFigures(none, 'paradigm'),
    /no figure 'paradigm'; they hold paradigms-counting, data-efficiency-counting/,
  );
});
