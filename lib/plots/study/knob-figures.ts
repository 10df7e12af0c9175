/** The figures of a study's knob with their captions. */
import type { KnobResults } from '../../study/results/knob-results.js';
import { KNOB_DRAWS_RULE, KNOB_INTRODUCTION } from '../../study/results/knob-wording.js';
import { TASK_NAMES, TASKS } from '../../tasks/tasks.js';
import { describeFigure, itemsAndIntervalText, partialCreditText, type StudyFigure, seedsOf } from './figure.js';
import { knobCurvesFigure, knobShareFigure, knobTasksIn } from './knob.js';

/** The figures for which a knob holds results. */
export function knobFigures(knob: KnobResults): StudyFigure[] {
  return [
    ...(knob.curves.length > 0 ? [curvesFigure(knob)] : []),
    ...(knob.gains.length > 0 && knob.readings.length > 0 ? [shareFigure(knob)] : []),
  ];
}

function curvesFigure(knob: KnobResults): StudyFigure {
  const title = 'Accuracy over completions drawn';
  const tasks = knobTasksIn(knob);
  const estimates = knob.curves.flatMap(({ points }) => points.flatMap(({ accuracy }) => Object.values(accuracy)));
  return describeFigure(
    { name: 'knob-curves', title, tasks, seeds: seedsOf([...knob.curves, ...knob.cotSft]), section: 'knob' },
    knobCurvesFigure(knob, title),
    `Accuracy${partialCreditText(tasks)} of greedy completions over the completions that GRPO has drawn. Over each panel stands how often the base model's ` +
      'last phase of pretraining works a question out. At 0 completions Reason-RFT-Zero is the base model, and Reason-RFT its stage 1; CoT-SFT draws none and is a ' +
      'level. Dashed: out of domain, the mean of the test sets there. Bands are the intervals in domain. The axis is logarithmic but for 0, so the way from 0 to the first ' +
      `point is dotted. ${itemsAndIntervalText(estimates)}`,
    knob.findings.map(({ text }) => text).join(' '),
  );
}

function shareFigure(knob: KnobResults): StudyFigure {
  const title = 'Completions to half of the gain';
  const tasks = TASK_NAMES.filter((task) => knob.gains.some((gain) => gain.task === task));
  const gains = knob.gains.map(
    ({ task, from, to, half }) =>
      `${TASKS[task].title} ${[from, to].map((share) => (100 * share).toFixed(1)).join(' to ')} %, half at ${(100 * half).toFixed(1)} %`,
  );
  return describeFigure(
    { name: 'knob-share', title, tasks, seeds: seedsOf(knob.curves), section: 'knob' },
    knobShareFigure(knob, title),
    `Completions until half of the task's gain is reached, over the share of completions that the start works out: the base model for Reason-RFT-Zero, stage 1 for ` +
      `Reason-RFT. A hollow triangle is a bound and points to where the true value lies: none was worked out, or half was not reached within the completions drawn. ` +
      `A run that starts above half stands at 1. ${KNOB_DRAWS_RULE} The gains: ${gains.join('; ')}.`,
    `${KNOB_INTRODUCTION} ${knob.findings.map(({ text }) => text).join(' ')}`,
  );
}
