/** A study's results in plain text, for the terminal. */
import { TASK_NAMES, type TaskName, TEST_SET_NAMES, testSetsOf } from '../../tasks/tasks.js';
import { PARADIGM_NAMES } from '../design/paradigms.js';
import { coinSentences } from './coin.js';
import { leakageSentence } from './control-wording.js';
import { studyHypotheses } from './hypotheses.js';
import type { Estimate, StudyResults } from './results.js';
import { headSentences, missingSentence, percentText, seenText } from './wording.js';

/** Lines of cells, the first of them the head, in columns of one width. */
function textTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const lineText = (line: readonly string[]) => line.map((text, column) => text.padEnd(widths[column]!)).join('  ');
  return lines.map((line) => lineText(line).trimEnd()).join('\n');
}

/** All results: for each task its tables and the sentences that read them, then the cells that are missing. */
export function studyResultsText(results: StudyResults): string {
  return [
    headSentences(results),
    ...TASK_NAMES.flatMap((task) => taskText(results, task)),
    ...hypothesesText(results),
    missingSentence(results.missing),
  ].join('\n\n');
}

function hypothesesText(results: StudyResults): string[] {
  const lines = studyHypotheses(results).map(
    ({ number, statement, verdict, findings }) =>
      `hypothesis ${number}: ${verdict}. ${statement} ${findings.join(' ')}`,
  );
  return lines.length > 0 ? [lines.join('\n')] : [];
}

function taskText(results: StudyResults, task: TaskName): string[] {
  const rowsOfTask = <T extends { task: TaskName }>(rows: readonly T[]) => rows.filter((row) => row.task === task);
  const sentences = [
    ...rowsOfTask(results.findings).map(({ ablation, text }) => `${ablation}: ${text}`),
    ...rowsOfTask(results.claims).map(({ claim, text }) => `${claim}: ${text}`),
    ...rowsOfTask(results.knob?.findings ?? []).map(({ text }) => `knob: ${text}`),
    ...rowsOfTask(results.phenomena).map(({ phenomenon, seen, text }) => `${phenomenon}: ${seenText(seen)}. ${text}`),
    ...rowsOfTask(results.controls).map(({ control, text }) => `${control}: ${text}`),
    ...rowsOfTask(coinSentences(results.ablations)).map(({ text }) => `coin as reward: ${text}`),
    ...rowsOfTask(results.words).map(({ text }) => `whose words: ${text}`),
    ...rowsOfTask(results.leakage).map((row) => `leakage: ${leakageSentence(row)}`),
  ];
  const tables = [
    accuracyText(task, ['paradigm'], rowsOfTask(results.paradigms), ({ paradigm }) => [PARADIGM_NAMES[paradigm]]),
    accuracyText(task, ['rows', 'paradigm'], rowsOfTask(results.efficiency), ({ rows, paradigm }) => [
      String(rows),
      PARADIGM_NAMES[paradigm],
    ]),
    accuracyText(task, ['ablation', 'setting'], rowsOfTask(results.ablations), ({ ablation, setting }) => [
      ablation,
      setting,
    ]),
  ];
  return [...tables, sentences.join('\n')].filter((text) => text !== '');
}

/**
 * A table with a line for each setting and a column for each test set; empty without points.
 *
 * @param heads over the columns that name a setting
 * @param nameOf a point's setting, a text for each of those columns
 */
function accuracyText<T extends { testSet: string; accuracy: Estimate }>(
  task: TaskName,
  heads: readonly string[],
  points: readonly T[],
  nameOf: (point: T) => string[],
): string {
  if (points.length === 0) return '';
  const sets = testSetsOf(task);
  const keyOf = (name: readonly string[]) => name.join('\n');
  const names = [...new Map(points.map((point) => [keyOf(nameOf(point)), nameOf(point)])).values()];
  const accuracy = (name: readonly string[], set: string) => {
    const point = points.find((candidate) => candidate.testSet === set && keyOf(nameOf(candidate)) === keyOf(name));
    return point ? percentText(point.accuracy) : '';
  };
  return textTable([
    [`${task}: ${heads[0]}`, ...heads.slice(1), ...sets.map((set) => TEST_SET_NAMES[set])],
    ...names.map((name) => [...name, ...sets.map((set) => accuracy(name, set))]),
  ]);
}
