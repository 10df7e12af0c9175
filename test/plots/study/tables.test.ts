import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HtmlCell, HtmlTable } from '../../../lib/plots/html-table.js';
import { knobTable } from '../../../lib/plots/study/knob-table.js';
import {
  ablationsTable,
  accuracyTable,
  claimsTable,
  comparisonsTable,
  controlsTable,
  costTable,
  efficiencyTable,
  hypothesesTable,
  leakageTable,
  phenomenaTable,
  wordsTable,
} from '../../../lib/plots/study/tables.js';
import { studyHypotheses } from '../../../lib/study/results/hypotheses.js';
import type { Estimate } from '../../../lib/study/results/results.js';
import { madeUpResults } from '../../support/study-results.js';

const made = madeUpResults();
const text = (cell: HtmlCell) => (typeof cell === 'string' ? cell : cell.text);
const texts = (row: readonly HtmlCell[]) => row.map(text);
const exact = (mean: number, low: number, high: number): Estimate => ({
  ...{ mean, interval: [low, high] as [number, number], perSeed: [mean], items: 100 },
});

test('accuracy: ours with its interval, the paper’s two beside it, the highest of ours bold', () => {
  const paradigms = made.paradigms.map((row) => ({
    ...row,
    accuracy: row.paradigm === 'cot-sft' ? exact(0.625, 0.5, 0.75) : exact(0.25, 0.125, 0.5),
  }));
  const { caption, heads, rows } = accuracyTable({ ...made, paradigms }, 'transformation');
  assert.deepEqual(texts(heads[0]!), ['', 'in domain', 'out of domain, left camera', 'out of domain, right camera']);
  assert.deepEqual(
    rows.map((row) => text(row[0]!)),
    ['Zero-shot', 'ANS-SFT', 'CoT-SFT', 'CoT-SFT (DFT)', 'No-Thinking-RFT', 'Reason-RFT-Zero', 'Reason-RFT'],
  );
  assert.match(caption!, /The paper has no numbers of CoT-SFT \(DFT\) and No-Thinking-RFT\.$/);
  assert.deepEqual(texts(rows[4]!).slice(0, 4), ['No-Thinking-RFT', '25.0 [12.5, 50.0]', '', '']);
  // The paper's rows of spatial transformation: CoT-SFT 2B 64.37, 43.19, 42.86; 7B 81.31, 47.9, 47.8.
  assert.deepEqual(texts(rows[2]!), [
    'CoT-SFT',
    ...['62.5 [50.0, 75.0]', '64.4', '81.3'],
    ...['62.5 [50.0, 75.0]', '43.2', '47.9'],
    ...['62.5 [50.0, 75.0]', '42.9', '47.8'],
  ]);
  const bold = rows.flatMap((row) => row.filter((cell) => typeof cell !== 'string' && cell.bold).map(text));
  assert.deepEqual(bold, Array(3).fill('62.5 [50.0, 75.0]'));
});

test('ablations: a difference has its sign, the base none; an ablation is named once', () => {
  const [base, other] = made.ablations.filter(
    (p) => p.task === 'counting' && p.ablation === 'Group size' && p.testSet === 'id',
  );
  const ablations = [
    { ...base!, base: true, setting: 'G = 8', accuracy: exact(0.5, 0.25, 0.75), difference: undefined },
    {
      ...other!,
      base: false,
      setting: 'G = 4',
      accuracy: exact(0.25, 0, 0.5),
      difference: exact(-0.25, -0.5, -0.0001),
    },
  ];
  assert.deepEqual(ablationsTable({ ...made, ablations }, 'counting').rows.map(texts), [
    ['Group size', 'G = 8 (base)', '50.0 [25.0, 75.0]', ''],
    ['', 'G = 4', '25.0 [0.0, 50.0]', '\u221225.0 [\u221250.0, 0.0]'],
  ]);
});

test('comparisons: p of every seed, small ones as such', () => {
  const { rows } = comparisonsTable(made, 'counting');
  assert.equal(texts(rows[0]!)[6], '0.010, 0.200, < 0.001');
  assert.deepEqual(texts(rows[0]!).slice(0, 3), ['generalization', 'Reason-RFT vs ANS-SFT', 'ID']);
  assert.equal(text(rows[1]![0]!), '', 'a claim is named once');
  const beside = rows.filter((row) => text(row[0]!).startsWith('beside'));
  assert.deepEqual(
    beside.map((row) => texts(row).slice(0, 2)),
    [['beside generalization', 'Reason-RFT vs CoT-SFT (DFT)']],
  );
});

test('efficiency: rows rising, what is missing empty', () => {
  const efficiency = made.efficiency.filter((p) => !(p.paradigm === 'cot-sft' && p.rows === 800));
  const { rows } = efficiencyTable({ ...made, efficiency }, 'counting', 'ood');
  assert.deepEqual(
    rows.map((row) => text(row[0]!)),
    ['400', '800', '1,600', '3,200', '6,400', '12,800'],
  );
  assert.equal(text(rows[1]![2]!), '');
});

test('a phenomenon whose runs are missing is neither seen nor not seen', () => {
  const phenomena = [null, true, false].map((seen) => ({ ...made.phenomena[0]!, seen }));
  assert.deepEqual(
    phenomenaTable({ ...made, phenomena }).rows.map((row) => text(row[2]!)),
    ['missing', 'seen', 'not seen'],
  );
});

test('the knob: a line for each base model and run, with the reading of what the run starts from', () => {
  const { rows } = knobTable(made, 'counting');
  assert.equal(rows.length, 4 * 2);
  assert.deepEqual(texts(rows[0]!), [
    ...['never', 'Reason-RFT-Zero', 'none of 3,200 completions, at most 0.12 %', '3.0e-9'],
    ...['not within 6,400 completions', 'not within 6,400 completions'],
  ]);
  assert.deepEqual(texts(rows[7]!).slice(0, 2), ['1 in 7', 'Reason-RFT']);
  assert.match(texts(rows[7]!)[2]!, /^1,417 of 3,200 completions, 44\.3 % \[/);
  const { knob: _, ...first } = made;
  assert.deepEqual(knobTable(first, 'counting').rows, [], 'the first edition has no knob');
});

test('scenes of pretraining stand in the table of leakage where the results say how many', () => {
  const { heads, rows } = leakageTable(made);
  const [counting, ...others] = made.leakage;
  const saying = leakageTable({ ...made, leakage: [{ ...counting!, pretrainedScenes: 2 }, ...others] });
  assert.deepEqual(texts(saying.heads[0]!), [...texts(heads[0]!), 'scenes of pretraining']);
  assert.deepEqual(saying.rows.slice(0, 2).map(texts), [
    [...texts(rows[0]!), '2'],
    [...texts(rows[1]!), ''],
  ]);
});

test('phenomena: each is told on every task, below the rule by which it is seen', () => {
  const { caption, rows } = phenomenaTable(made);
  assert.match(
    caption!,
    /windows of 1\/20 of the steps, and of 5 steps at most\. A change counts when it exceeds 4 standard/,
  );
  const told = rows.map((row) => `${text(row[0]!)}, ${text(row[1]!)}`).sort();
  const titles = ['Visual counting', 'Structure perception', 'Spatial transformation'];
  const names = ['transient adaptation gap', 'greedy reward stratification', 'reasoning redundancy'];
  assert.deepEqual(told, titles.flatMap((title) => names.map((name) => `${name}, ${title}`)).sort());
});

test('every row of every table fits its heads', () => {
  const tables: HtmlTable[] = [
    ...[claimsTable, controlsTable, leakageTable, phenomenaTable, wordsTable].map((table) => table(made)),
    ...[accuracyTable, comparisonsTable, costTable, ablationsTable, knobTable].map((table) =>
      table(made, 'transformation'),
    ),
  ];
  const width = (row: readonly HtmlCell[]) =>
    row.reduce((sum: number, cell) => sum + (typeof cell === 'string' ? 1 : (cell.columns ?? 1)), 0);
  for (const { caption, heads, rows } of tables) {
    assert.ok(rows.length > 0, caption);
    for (const row of [...heads, ...rows]) assert.equal(width(row), heads.at(-1)!.length, caption);
  }
});

test('hypotheses: a line for each, with its verdict and all that it rests on', () => {
  const hypotheses = studyHypotheses(made);
  const { rows } = hypothesesTable(hypotheses);
  assert.deepEqual(
    rows.map((row) => text(row[0]!)),
    ['1', '2', '3', '4', '5'],
  );
  const [, , verdict, numbers] = rows[0]!;
  // Generalization is made up as not shown on each task.
  assert.deepEqual(verdict, { text: 'not shown', mark: 'open' });
  assert.equal(
    text(numbers!),
    'Visual counting: not shown. Structure perception: not shown. Spatial transformation: not shown.',
  );
});
