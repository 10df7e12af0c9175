/** Tables in plain text, for the terminal. */
import { TASK_NAMES, type TaskName, TEST_SET_NAMES, testSetsOf } from '../../tasks/tasks.js';
import { PARADIGM_NAMES } from '../design/paradigms.js';
import { percentText } from './measures.js';
import type { Estimate, StudyResults } from './results.js';

/** Lines of cells, the first of them the head, in columns of one width. */
export function textTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** All results: of each task its tables and what they say, then what is missing. */
export function studyResultsText(results: StudyResults): string {
  const { profile, seeds, missing } = results;
  const shown = missing.slice(0, 10).join(', ');
  const more = missing.length > 10 ? `, and ${missing.length - 10} more` : '';
  return [
    `Profile ${profile}, seeds ${seeds.join(', ')}; accuracy with 95 % intervals over seeds and items`,
    ...TASK_NAMES.flatMap((task) => taskText(results, task)),
    missing.length === 0 ? 'No cell is missing.' : `${missing.length} cells are missing: ${shown}${more}`,
  ].join('\n\n');
}

function taskText(results: StudyResults, task: TaskName): string[] {
  const of = <T extends { task: TaskName }>(rows: readonly T[]) => rows.filter((row) => row.task === task);
  const sentences = [
    ...of(results.findings).map(({ ablation, text }) => `${ablation}: ${text}`),
    ...of(results.claims).map(({ claim, text }) => `${claim}: ${text}`),
    ...of(results.phenomena).map(
      ({ phenomenon, seen, text }) =>
        `${phenomenon}: ${seen === null ? 'not known' : seen ? 'seen' : 'not seen'}. ${text}`,
    ),
    ...of(results.controls).map(({ control, text }) => `${control}: ${text}`),
    ...of(results.words).map(({ text }) => `whose words: ${text}`),
    ...of(results.leakage).map(
      ({ testItems, trainingRows, sharedScenes, sharedQuestions }) =>
        `leakage: of ${testItems} test items ${sharedScenes} share a scene and ${sharedQuestions} a question with the ` +
        `${trainingRows} training rows`,
    ),
  ];
  const tables = [
    table(task, ['paradigm'], of(results.paradigms), ({ paradigm }) => [PARADIGM_NAMES[paradigm]]),
    table(task, ['rows', 'paradigm'], of(results.efficiency), ({ rows, paradigm }) => [
      String(rows),
      PARADIGM_NAMES[paradigm],
    ]),
    table(task, ['ablation', 'setting'], of(results.ablations), ({ ablation, setting }) => [ablation, setting]),
  ];
  return [...tables, sentences.join('\n')].filter((text) => text !== '');
}

/** A line for each setting, a column for each test set; empty without points. */
function table<T extends { testSet: string; accuracy: Estimate }>(
  task: TaskName,
  head: readonly string[],
  points: readonly T[],
  nameOf: (point: T) => string[],
): string {
  if (points.length === 0) return '';
  const sets = testSetsOf(task);
  const names = [...new Map(points.map((point) => [nameOf(point).join('\n'), nameOf(point)])).values()];
  const accuracy = (name: readonly string[], set: string) => {
    const point = points.find((each) => each.testSet === set && nameOf(each).join('\n') === name.join('\n'));
    return point ? percentText(point.accuracy) : '';
  };
  return textTable([
    [`${task}: ${head[0]}`, ...head.slice(1), ...sets.map((set) => TEST_SET_NAMES[set])],
    ...names.map((name) => [...name, ...sets.map((set) => accuracy(name, set))]),
  ]);
}
