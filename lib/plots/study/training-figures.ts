/** Figures of GRPO's course with their captions: one for each phenomenon, and the learning curves of all runs. */

import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import type { Phenomenon, TrainingCurve } from '../../study/results/results.js';
import { capital } from '../../study/results/wording.js';
import { TASK_NAMES, TASKS, type TaskName } from '../../tasks/tasks.js';
import { describeFigure, fileName, type StudyFigure, seedsOf } from './figure.js';
import { curvesFigure, METRIC_NAMES, METRICS, phenomenonFigure, type TaskCurves } from './phenomena.js';

/** One phenomenon of training, the tasks that it was looked for in side by side. */
export function observationFigure(phenomena: readonly Phenomenon[]): StudyFigure {
  const name = phenomena[0]!.phenomenon;
  const curves = phenomena.flatMap((phenomenon) => phenomenon.curves);
  const observations = phenomena.map(({ task, text }) => `${TASKS[task].title}: ${text}`).join(' ');
  return describeFigure(
    {
      ...{ name: `phenomenon-${fileName(name)}`, title: capital(name), tasks: phenomena.map(({ task }) => task) },
      ...{ seeds: seedsOf(curves), section: 'training' },
    },
    phenomenonFigure(phenomena),
    `${capital(name)}, looked for in GRPO's own rollouts. The paper: ${phenomena[0]!.paper} Here: ${observations} ${curveLines(curves)}`,
    observations,
  );
}

/** Explains the faint and the bold lines of curves. */
function curveLines(curves: readonly TrainingCurve[]): string {
  return curves.some(({ perSeed }) => perSeed.length > 1)
    ? 'Faint: single seeds; bold: their mean, over five steps.'
    : 'Faint: each step of the one seed; bold: the mean over five steps.';
}

/** Rewards and lengths of every GRPO run of the two paradigms. */
export function learningCurvesFigure(phenomena: readonly Phenomenon[]): StudyFigure {
  const tasks = TASK_NAMES.filter((task) => phenomena.some((phenomenon) => phenomenon.task === task)).map((task) => {
    const curves = phenomena
      .filter((phenomenon) => phenomenon.task === task)
      .flatMap((phenomenon) => phenomenon.curves);
    const keyOf = ({ paradigm, metric }: TrainingCurve) => `${paradigm} ${metric}`;
    // Phenomena share curves.
    return { task, curves: [...new Map(curves.map((curve) => [keyOf(curve), curve])).values()] };
  });
  const title = 'Learning curves of GRPO';
  const allCurves = tasks.flatMap(({ curves }) => curves);
  return describeFigure(
    {
      ...{ name: 'learning-curves', title, tasks: tasks.map(({ task }) => task) },
      ...{ seeds: seedsOf(allCurves), section: 'training' },
    },
    curvesFigure(tasks, title),
    [
      'Mean rewards and lengths of the completions that GRPO samples at each step, before that step.',
      curveLines(allCurves),
      ...missingCurves(tasks),
    ].join(' '),
    tasks.flatMap(({ task, curves }) => curves.map((curve) => curveInWords(task, curve))).join('; '),
  );
}

function curveInWords(task: TaskName, { paradigm, metric, mean }: TrainingCurve): string {
  const numberText = (value: number) => value.toFixed(metric === 'length' ? 0 : 2);
  return `${TASKS[task].title}, ${PARADIGM_NAMES[paradigm]}: ${METRIC_NAMES[metric]} ${numberText(mean[0]!)} at the first step, ${numberText(mean.at(-1)!)} at the last`;
}

/** Names the curves that are missing although the results hold others of the same paradigm. Earlier versions kept fewer. */
function missingCurves(tasks: readonly TaskCurves[]): string[] {
  const paradigms = [...new Set(tasks.flatMap(({ curves }) => curves.map(({ paradigm }) => paradigm)))];
  const missing = paradigms.flatMap((paradigm) =>
    METRICS.flatMap((metric) => {
      const curvesByTask = tasks.map(({ task, curves }) => ({
        task,
        curves: curves.filter((curve) => curve.paradigm === paradigm),
      }));
      const tasksWithout = curvesByTask.filter(
        ({ curves }) => curves.length > 0 && !curves.some((curve) => curve.metric === metric),
      );
      if (tasksWithout.length === 0) return [];
      const where =
        tasksWithout.length === tasks.length ? '' : ` on ${tasksWithout.map(({ task }) => task).join(' and ')}`;
      return [`${METRIC_NAMES[metric]} of ${PARADIGM_NAMES[paradigm]}${where}`];
    }),
  );
  return missing.length > 0 ? [`These results do not hold the ${missing.join(', nor the ')}.`] : [];
}
