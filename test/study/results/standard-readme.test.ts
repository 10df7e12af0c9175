/** The page on the standard study says the numbers that its results.json holds. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { HtmlCell } from '../../../lib/plots/html-table.js';
import { knobTable } from '../../../lib/plots/study/knob-table.js';
import { EFFICIENCY_PARADIGMS } from '../../../lib/study/design/data-efficiency.js';
import { PARADIGM_NAMES, PARADIGMS } from '../../../lib/study/design/paradigms.js';
import { studyHypotheses } from '../../../lib/study/results/hypotheses.js';
import { PAPER } from '../../../lib/study/results/paper.js';
import { type Estimate, readResults } from '../../../lib/study/results/results.js';
import { openStudy, repositoryRoot } from '../../../lib/study/workspace.js';
import { TASK_NAMES, TEST_SET_NAMES, testSetsOf } from '../../../lib/tasks/tasks.js';

const folder = path.join(repositoryRoot(), 'data', 'results', 'standard');
const results = readResults(openStudy('standard', folder));
const page = readFileSync(path.join(folder, 'README.md'), 'utf8');

const percent = (share: number) => (100 * share).toFixed(1);
const shareText = ({ mean, interval }: Estimate) => `${percent(mean)} [${interval.map(percent).join(', ')}]`;
const signed = (share: number) => {
  const size = percent(Math.abs(share));
  return size === '0.0' ? size : `${share < 0 ? '−' : '+'}${size}`;
};
const differenceText = ({ mean, interval }: Estimate) => `${signed(mean)} [${interval.map(signed).join(', ')}]`;

/** The page holds a line of a table that ends in these cells. */
function assertRow(cells: readonly string[]) {
  const row = `| ${cells.join(' | ')} |\n`;
  assert.ok(page.includes(row), `the page lacks the line ${row}`);
}

test('accuracy of each paradigm on each task, and the paper’s', () => {
  for (const task of TASK_NAMES)
    for (const paradigm of PARADIGMS) {
      // The first edition has the paper's five alone.
      if (!results.paradigms.some((row) => row.paradigm === paradigm)) continue;
      const ours = testSetsOf(task).map((set) =>
        shareText(
          results.paradigms.find((row) => row.task === task && row.paradigm === paradigm && row.testSet === set)!
            .accuracy,
        ),
      );
      const paper = PAPER.filter((row) => row.task === task && row.paradigm === paradigm && row.model === '2B');
      const papers = paper.map(({ accuracy }) => percent(accuracy)).join(', ');
      assertRow([PARADIGM_NAMES[paradigm], ...ours, papers || 'none']);
    }
});

test('accuracy on fewer rows', () => {
  for (const { task, testSet, rows } of results.efficiency) {
    const points = EFFICIENCY_PARADIGMS.map((paradigm) =>
      results.efficiency.find(
        (point) =>
          point.task === task && point.testSet === testSet && point.rows === rows && point.paradigm === paradigm,
      ),
    );
    assertRow([rows.toLocaleString('en'), ...points.map((point) => shareText(point!.accuracy))]);
  }
});

test('each comparison of each claim and beside it, with its verdict', () => {
  for (const { comparisons, beside = [] } of results.claims)
    for (const { testSet, first, second, firstAccuracy, secondAccuracy, difference, verdict } of [
      ...comparisons,
      ...beside,
    ]) {
      const numbers = [shareText(firstAccuracy), shareText(secondAccuracy), differenceText(difference)];
      assertRow([`${first} against ${second}`, TEST_SET_NAMES[testSet], ...numbers, verdict]);
    }
  for (const task of TASK_NAMES) {
    const claims = results.claims.filter((claim) => claim.task === task);
    for (const { claim } of claims) assert.ok(page.includes(`| ${task} | ${claim} | `), `${task}: ${claim}`);
  }
});

/** Whether the results are the second edition's, which has hypotheses, a knob and base models in the count of leakage. */
const isSecondEdition = results.knob !== undefined;

test('each hypothesis with its verdict', { skip: !isSecondEdition }, () => {
  const hypotheses = studyHypotheses(results);
  assert.equal(hypotheses.length, 5);
  for (const { number, statement, verdict, findings } of hypotheses)
    assertRow([String(number), statement, verdict, findings.join(' ')]);
});

test('the knob: how often each start works a question out, and what its runs draw', { skip: !isSecondEdition }, () => {
  const textOf = (cell: HtmlCell) => (typeof cell === 'string' ? cell : cell.text);
  for (const task of TASK_NAMES) {
    const { rows } = knobTable(results, task);
    assert.equal(rows.length, 8, 'two runs from each of four base models');
    for (const row of rows) assertRow([task, ...row.map(textOf)]);
  }
});

test('ablations, controls, words and leakage', () => {
  for (const { setting, base, testSet, accuracy, difference } of results.ablations) {
    const cells = `${shareText(accuracy)} | ${difference ? differenceText(difference) : ''}`;
    const lines = page.split('\n').filter((line) => line.includes(`| ${base ? `**${setting}**` : setting} |`));
    assert.ok(
      lines.some((line) => line.includes(cells)),
      `${setting}, ${testSet}: ${cells}`,
    );
  }
  for (const { task, testSet, accuracy, chance } of results.controls)
    assertRow([task, TEST_SET_NAMES[testSet], shareText(accuracy), percent(chance)]);
  for (const { task, testSet, annotators, own, difference } of results.words)
    assertRow([task, TEST_SET_NAMES[testSet], shareText(annotators), shareText(own), differenceText(difference)]);
  for (const { task, testItems, trainingRows, sharedScenes, sharedQuestions, pretrainedScenes } of results.leakage) {
    const counts = [
      ...[testItems, trainingRows, sharedScenes, sharedQuestions],
      ...(isSecondEdition ? [pretrainedScenes!] : []),
    ];
    assertRow([task, ...counts.map((count) => count.toLocaleString('en'))]);
  }
});
