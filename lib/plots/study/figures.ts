/** The list of a study's figures. To add one, draw it with `describeFigure` and put it into `studyFigures`. */

import { PHENOMENA, type StudyResults } from '../../study/results/results.js';
import { TASK_NAMES, type TaskName } from '../../tasks/tasks.js';
import { ablationFigures } from './ablation-figures.js';
import { claimsFigure, controlsFigure, wordsFigure } from './claim-figures.js';
import type { StudyFigure } from './figure.js';
import { knobFigures } from './knob-figures.js';
import { dataEfficiencyFigure, overviewFigure, paradigmsFigure } from './paradigm-figures.js';
import { learningCurvesFigure, observationFigure } from './training-figures.js';

/** Draws the figures for which a study holds results, in the order of reading. */
export function studyFigures(results: StudyResults): StudyFigure[] {
  const { paradigms, claims, efficiency, ablations, phenomena, controls, words, knob } = results;
  const tasksIn = (rows: readonly { task: TaskName }[]) =>
    TASK_NAMES.filter((task) => rows.some((row) => row.task === task));
  const compared = claims.filter(({ comparisons }) => comparisons.length > 0);
  const observed = phenomena.filter(({ curves }) => curves.length > 0);
  return [
    ...(tasksIn(paradigms).length > 1 ? [overviewFigure(paradigms)] : []),
    ...tasksIn(paradigms).map((task) => paradigmsFigure(paradigms, task)),
    ...tasksIn(compared).map((task) => claimsFigure(results, task)),
    ...tasksIn(efficiency).map((task) => dataEfficiencyFigure(results, task)),
    ...(knob ? knobFigures(knob) : []),
    ...tasksIn(ablations).flatMap((task) => ablationFigures(ablations, task)),
    ...PHENOMENA.flatMap((name) => {
      const phenomenaOfName = observed.filter(({ phenomenon }) => phenomenon === name);
      return phenomenaOfName.length > 0 ? [observationFigure(phenomenaOfName)] : [];
    }),
    ...(observed.length > 0 ? [learningCurvesFigure(observed)] : []),
    ...(controls.length > 0 ? [controlsFigure(results)] : []),
    ...(words.length > 0 ? [wordsFigure(results)] : []),
  ];
}
