/** Figures of the paradigms' accuracy: on one task, on all tasks, and over the number of training rows. */

import { SMALL_SHARE } from '../../study/design/data-efficiency.js';
import { PARADIGM_NAMES, PARADIGMS } from '../../study/design/paradigms.js';
import { PAPER } from '../../study/results/paper.js';
import type { ParadigmResult, StudyResults } from '../../study/results/results.js';
import { notInPaperText, percentText } from '../../study/results/wording.js';
import {
  TASK_NAMES,
  TASKS,
  type TaskName,
  TEST_SET_NAMES,
  type TestSet,
  testSetNamed,
  testSetsOf,
} from '../../tasks/tasks.js';
import { type ForestGroup, type ForestPoint, forestFigure } from '../forest.js';
import { efficiencyFigure, rowsText } from './efficiency.js';
import {
  ACCURACY_AXIS,
  describeFigure,
  estimateDot,
  itemsAndIntervalText,
  itemsAndSeedsText,
  OURS,
  partialCreditText,
  type StudyFigure,
  seedsOf,
} from './figure.js';

/** The paradigms of a task, a panel for each test set; the paper's numbers beside ours. */
export function paradigmsFigure(paradigms: readonly ParadigmResult[], task: TaskName): StudyFigure {
  const rowsOfTask = paradigms.filter((row) => row.task === task);
  const title = `${TASKS[task].title}: the paradigms`;
  const sets = testSetsOf(task);
  const groups = [
    {
      rows: paradigmLines(
        rowsOfTask,
        task,
        sets.map((set) => [set, TEST_SET_NAMES[set]]),
      ),
    },
  ];
  const panels = sets.map((set) => ({ title: TEST_SET_NAMES[set], axis: ACCURACY_AXIS, range: [0, 100] as const }));
  return describeFigure(
    { name: `paradigms-${task}`, title, tasks: [task], seeds: seedsOf(rowsOfTask), section: 'paradigms' },
    forestFigure(groups, panels, title),
    `Accuracy of the paradigms on ${TASKS[task].title.toLowerCase()}${partialCreditText([task])}, in domain and out of domain. Filled: this study; hollow: ` +
      `the paper's Qwen2-VL 2B and 7B, which are larger and trained on other data, so that their order can be compared but not their levels. ` +
      afterPaper(rowsOfTask),
    paradigmsInWords(rowsOfTask),
  );
}

/** All tasks on one page: in domain on the left, out of domain on the right. */
export function overviewFigure(paradigms: readonly ParadigmResult[]): StudyFigure {
  const [inside, outside] = [TEST_SET_NAMES.id, TEST_SET_NAMES.ood];
  const tasks = TASK_NAMES.filter((task) => paradigms.some((row) => row.task === task));
  const groups = tasks.flatMap((task): ForestGroup[] => {
    const rowsOfTask = paradigms.filter((row) => row.task === task);
    const outsideSets = testSetsOf(task).filter((set) => set !== 'id');
    return outsideSets.map((set, i) => ({
      title: `${TASKS[task].title}${outsideSets.length > 1 ? `, ${testSetNamed(task, set).shortTitle}` : ''}`,
      // A task with two sets out of domain has one in domain, which stands beside the first.
      rows: paradigmLines(
        rowsOfTask,
        task,
        i === 0
          ? [
              ['id', inside],
              [set, outside],
            ]
          : [[set, outside]],
      ),
    }));
  });
  const title = 'The paradigms, task by task';
  const panels = [inside, outside].map((panel) => ({ title: panel, axis: ACCURACY_AXIS, range: [0, 100] as const }));
  return describeFigure(
    { name: 'paradigms', title, tasks, seeds: seedsOf(paradigms), section: 'paradigms' },
    forestFigure(groups, panels, title),
    `Accuracy of the paradigms on all tasks${partialCreditText(tasks)}. Filled: this study; hollow: the paper's Qwen2-VL 2B and 7B. A task with ` +
      `several test sets out of domain has a group of lines for each; its points in domain stand in the first. ` +
      afterPaper(paradigms),
    paradigmsInWords(paradigms),
  );
}

/** The end of a caption: the paradigms that the paper does not have, items and intervals. */
function afterPaper(rows: readonly ParadigmResult[]): string {
  const unpublished = notInPaperText(rows.map(({ paradigm }) => paradigm));
  return [unpublished, itemsAndSeedsText(rows.map(({ accuracy }) => accuracy))].filter(Boolean).join(' ');
}

/** A line for each paradigm that has numbers: ours, then the paper's two models. */
function paradigmLines(
  rowsOfTask: readonly ParadigmResult[],
  task: TaskName,
  sets: readonly (readonly [TestSet, string])[],
) {
  const lines = PARADIGMS.map((paradigm) => ({
    label: PARADIGM_NAMES[paradigm],
    points: sets.flatMap(([set, panel]): ForestPoint[] => [
      ...rowsOfTask
        .filter((row) => row.paradigm === paradigm && row.testSet === set)
        .map(({ accuracy }) => estimateDot(accuracy, panel, OURS)),
      ...PAPER.filter((number) => number.task === task && number.paradigm === paradigm && number.set === set).map(
        ({ model, accuracy }) => ({ value: accuracy, panel, series: `paper, ${model}` }),
      ),
    ]),
  }));
  return lines.filter(({ points }) => points.length > 0);
}

/** Accuracy over training rows of one task. */
export function dataEfficiencyFigure(results: StudyResults, task: TaskName): StudyFigure {
  const points = results.efficiency.filter((point) => point.task === task);
  const zeroShot = results.paradigms.filter((row) => row.task === task && row.paradigm === 'zero-shot');
  const all = Math.max(...points.map((point) => point.rows));
  const smallShare = { rows: SMALL_SHARE * all, name: `${100 * SMALL_SHARE} % (${rowsText(SMALL_SHARE * all)})` };
  const title = `${TASKS[task].title}: data efficiency`;
  const sets = testSetsOf(task).filter((set) => points.some((point) => point.testSet === set));
  return describeFigure(
    { name: `data-efficiency-${task}`, title, tasks: [task], seeds: seedsOf(points), section: 'data efficiency' },
    efficiencyFigure(points, zeroShot, sets, title, smallShare),
    `Accuracy over the number of training rows, those of all stages of a paradigm together, on a logarithmic axis${partialCreditText([task])}. Dotted: ${100 * SMALL_SHARE} % of the ` +
      `largest number; long dashes: the base model, zero-shot, with its interval as a band. Intervals stand side by side, so that none hides another. ` +
      itemsAndIntervalText(points.map(({ accuracy }) => accuracy)),
    points
      .map(
        (point) =>
          `${PARADIGM_NAMES[point.paradigm]}, ${point.rows} rows, ${TEST_SET_NAMES[point.testSet]}: ${percentText(point.accuracy)}`,
      )
      .join('; '),
  );
}

function paradigmsInWords(rows: readonly ParadigmResult[]): string {
  const rowInWords = ({ task, paradigm, testSet, accuracy }: ParadigmResult) =>
    `${TASKS[task].title}, ${PARADIGM_NAMES[paradigm]}, ${TEST_SET_NAMES[testSet]}: ${percentText(accuracy)}`;
  return rows.map(rowInWords).join('; ');
}
