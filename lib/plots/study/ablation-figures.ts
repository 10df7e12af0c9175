/** Figures of ablations: all of a task on one chart, and each alone. */

import type { AblationPoint } from '../../study/results/results.js';
import { percentText } from '../../study/results/wording.js';
import { TASKS, type TaskName, TEST_SET_NAMES, testSetsOf } from '../../tasks/tasks.js';
import { type ForestGroup, forestFigure } from '../forest.js';
import {
  ACCURACY_AXIS,
  describeFigure,
  estimateDot,
  fileName,
  itemsAndSeedsText,
  OURS,
  partialCreditText,
  type StudyFigure,
  seedsOf,
} from './figure.js';

/** A chart of all ablations of a task; and one of each, where there are several. */
export function ablationFigures(ablations: readonly AblationPoint[], task: TaskName): StudyFigure[] {
  const points = ablations.filter((point) => point.task === task);
  const names = [...new Set(points.map((point) => point.ablation))];
  const all = ablationFigure(points, `${TASKS[task].title}: ablations of Reason-RFT`, `ablations-${task}`);
  if (names.length === 1) return [all];
  const single = names.map((name) => ({
    ...ablationFigure(
      points.filter((point) => point.ablation === name),
      `${TASKS[task].title}: ${name}`,
      `ablation-${task}-${fileName(name)}`,
    ),
    linked: true,
  }));
  return [all, ...single];
}

/** The settings of ablations as lines, the base setting of each bold. */
function ablationFigure(points: readonly AblationPoint[], title: string, name: string): StudyFigure {
  const ablations = [...new Set(points.map((point) => point.ablation))];
  const sets = testSetsOf(points[0]!.task).filter((set) => points.some((point) => point.testSet === set));
  const groups = ablations.map((ablation): ForestGroup => {
    const pointsOfAblation = points.filter((point) => point.ablation === ablation);
    const rows = [...new Set(pointsOfAblation.map((point) => point.setting))].map((setting) => {
      const pointsOfSetting = pointsOfAblation.filter((point) => point.setting === setting);
      const marked = pointsOfSetting.some((point) => point.base);
      return {
        label: marked ? `${setting} (base)` : setting,
        marked,
        points: pointsOfSetting.map(({ testSet, accuracy }) => estimateDot(accuracy, TEST_SET_NAMES[testSet], OURS)),
      };
    });
    return { ...(ablations.length > 1 ? { title: ablation } : {}), rows };
  });
  const panels = sets.map((set) => ({ title: TEST_SET_NAMES[set], axis: ACCURACY_AXIS }));
  const figure = describeFigure(
    { name, title, tasks: [points[0]!.task], seeds: seedsOf(points), section: 'ablations' },
    forestFigure(groups, panels, title),
    `Accuracy of Reason-RFT's second stage on ${TASKS[points[0]!.task].title.toLowerCase()} with one thing changed at a time${partialCreditText([points[0]!.task])}: ` +
      `${ablations.join(', ')}. Bold, with a dotted guide: the base setting that all others differ from. ` +
      `Each panel has an axis of its own, which need not begin at zero. ${itemsAndSeedsText(points.map(({ accuracy }) => accuracy))}`,
    points
      .map(
        (point) =>
          `${point.ablation}, ${point.setting}, ${TEST_SET_NAMES[point.testSet]}: ${percentText(point.accuracy)}`,
      )
      .join('; '),
  );
  return { ...figure, stage: 'ablations' };
}
