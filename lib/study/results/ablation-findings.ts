/**
 * Findings of ablations: the settings that can be told apart from the base and those that cannot, and the start checkpoint that pass@k
 * would choose.
 */
import { TASK_NAMES, type TestSet } from '../../tasks/tasks.js';
import { ABLATIONS } from '../ablation-names.js';
import { type AblationReading, findingText, type SettingDifference, type StartChoice } from './ablation-wording.js';
import type { AblationFinding, AblationPoint } from './results.js';

/** The findings of each ablation on each task, from its points. */
export function ablationFindings(points: readonly AblationPoint[]): AblationFinding[] {
  return TASK_NAMES.flatMap((task) =>
    ABLATIONS.flatMap((ablation): AblationFinding[] => {
      const pointsOfAblation = points.filter((point) => point.task === task && point.ablation === ablation);
      if (pointsOfAblation.length === 0) return [];
      const sets = [...new Set(pointsOfAblation.map(({ testSet }) => testSet))];
      const readings = sets.map((set) => readAblation(pointsOfAblation, set));
      const inDomain = pointsOfAblation.filter(({ testSet }) => testSet === sets[0]);
      return [{ task, ablation, text: findingText(readings, startChoice(inDomain)) }];
    }),
  );
}

/** Reads an ablation on one test set. A setting can be told apart from the base when the interval of its difference leaves out 0. */
function readAblation(points: readonly AblationPoint[], testSet: TestSet): AblationReading {
  const pointsOfSet = points.filter((point) => point.testSet === testSet);
  const compared = pointsOfSet.flatMap(({ setting, difference }) => (difference ? [{ setting, difference }] : []));
  const isApart = ({ difference: { interval } }: SettingDifference) => interval[0] > 0 || interval[1] < 0;
  return {
    testSet,
    base: pointsOfSet.find((point) => point.base),
    apart: compared.filter(isApart),
    alike: compared.filter((setting) => !isApart(setting)),
  };
}

/**
 * The start checkpoint of the highest pass@k beside the one whose run is the most accurate; undefined unless two or more were
 * measured.
 */
function startChoice(points: readonly AblationPoint[]): StartChoice | undefined {
  const measured = points.flatMap(({ setting, accuracy, startPassAtK }) =>
    startPassAtK ? [{ setting, accuracy, passAtK: startPassAtK }] : [],
  );
  if (measured.length < 2) return undefined;
  const highestBy = (value: (point: (typeof measured)[number]) => number) =>
    measured.reduce((best, point) => (value(point) > value(best) ? point : best));
  const chosen = highestBy(({ passAtK }) => passAtK.mean);
  const highest = highestBy(({ accuracy }) => accuracy.mean);
  return { chosen, highest, same: chosen.accuracy.mean === highest.accuracy.mean };
}
