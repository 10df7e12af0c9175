import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { cellCurves } from '../../../lib/plots/live/run-live.js';
import {
  ablationRows,
  comparisonText,
  paradigmRows,
  rolloutViews,
  sampleViews,
  showStudyFigures,
  trendText,
} from '../../../lib/plots/study/notebook-views.js';
import { writePng } from '../../../lib/records/image.js';
import { writeRecords } from '../../../lib/records/records.js';
import { cellRun, cellSteps } from '../../../lib/study/cells/cell.js';
import { dataFolder } from '../../../lib/study/data/study-data.js';
import { paradigmCell, stageOneCell } from '../../../lib/study/design/paradigms.js';
import type { Summary, SummaryRow } from '../../../lib/study/results/summary.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { madeUpResults } from '../../support/study-results.js';

const study = openStudy('tiny', mkdtempSync(path.join(tmpdir(), 'reason-rft-views-')));
after(() => rmSync(study.folder, { recursive: true, force: true }));

const row = (paradigm: SummaryRow['paradigm'], testSet: SummaryRow['testSet'], accuracy: number): SummaryRow => ({
  paradigm,
  testSet,
  accuracy,
  count: 100,
  interval: [accuracy - 0.1, accuracy + 0.1],
  formatted: 1,
  seed: 1,
  trainingRows: 0,
  wallSeconds: 0,
  tokens: 0,
});

const summary = (onlyReasonRft: number, onlyCotSft: number, pValue: number): Summary => ({
  task: 'counting',
  profile: 'tiny',
  seed: 1,
  paradigms: [row('cot-sft', 'ood', 0.5), row('reason-rft', 'ood', 0.625)],
  comparisons: [{ testSet: 'ood', onlyReasonRft, onlyCotSft, pValue }],
});

test('the verdict follows from the numbers, whichever wins', () => {
  assert.match(
    comparisonText(summary(20, 5, 0.004)),
    /62\.5 %, CoT-SFT 50\.0 % of 100;.*p = 0\.004\): Reason-RFT is better/,
  );
  assert.match(comparisonText(summary(5, 20, 0.0001)), /p < 0\.001\): CoT-SFT is better/);
  assert.match(comparisonText(summary(6, 5, 1)), /no difference that these items can tell from chance/);
});

test('our numbers stand beside the paper’s, paradigm by paradigm; only ours have intervals', () => {
  const rows = paradigmRows(summary(0, 0, 1)).filter((r) => r.paradigm === 'CoT-SFT' && r.set === 'out of domain');
  assert.deepEqual(rows, [
    { paradigm: 'CoT-SFT', set: 'out of domain', source: 'this run', value: 0.5, low: 0.4, high: 0.6 },
    { paradigm: 'CoT-SFT', set: 'out of domain', source: 'paper, 2B', value: 0.465 },
    { paradigm: 'CoT-SFT', set: 'out of domain', source: 'paper, 7B', value: 0.424 },
  ]);
});

test('beside a task stand the paper’s numbers on that task', () => {
  const rows = paradigmRows({ ...summary(0, 0, 1), task: 'transformation', paradigms: [] });
  const left = rows.filter((r) => r.paradigm === 'Reason-RFT' && r.set === 'out of domain, left camera');
  assert.deepEqual(left, [
    { paradigm: 'Reason-RFT', set: 'out of domain, left camera', source: 'paper, 2B', value: 0.6405 },
    { paradigm: 'Reason-RFT', set: 'out of domain, left camera', source: 'paper, 7B', value: 0.5936 },
  ]);
  // Five paradigms, three test sets, two models.
  assert.equal(rows.length, 30);
});

test('ablation results become rows of their figure', () => {
  const result = { ablation: 'Reward', setting: 'a', testSet: 'id' as const, accuracy: 0.5, formatted: 1 };
  assert.deepEqual(ablationRows([{ ...result, interval: [0.25, 0.75] }]), [
    { ablation: 'Reward', setting: 'a', set: 'in domain', value: 0.5, low: 0.25, high: 0.75 },
  ]);
});

test('a trend is called learned only beyond two standard errors', () => {
  const trend = (difference: number) => ({
    start: { mean: 0.4, standardError: 0.01, count: 10 },
    end: { mean: 0.4 + difference, standardError: 0.01, count: 10 },
    difference,
    standardError: 0.014,
  });
  assert.equal(
    trendText('accuracy', trend(0.1)),
    'accuracy: 0.400 ± 0.010 over the first 10 steps, 0.500 ± 0.010 over the last 10; ' +
      'difference +0.100 ± 0.014: a rise above its noise.',
  );
  assert.match(trendText('x', trend(0.028)), /not more than noise/);
  assert.match(trendText('x', trend(-0.029)), /-0\.029 ± 0\.014: a fall beyond its noise/);
});

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
  const run = cellRun(study, cell);
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
  run.writeCompletions(0, group(0, 'a'));
  run.writeCompletions(1, [...group(1, 'b'), ...group(1, 'a')]);

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
  const samples = await sampleViews(study, 'id', { before: { ...evaluation, items: [item('x')] } }, 1);
  assert.deepEqual(
    samples.map(({ prompt, answer, outputs }) => ({ prompt, answer, outputs })),
    [{ prompt: 'question a', answer: '0', outputs: { before: 'x' } }],
  );

  run.log(0, { reward: 0.5 });
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
