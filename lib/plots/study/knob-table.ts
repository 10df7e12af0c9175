/** The table of a study's knob: how often each start works a question out, and what its runs draw. */
import { KNOB_DRAWERS } from '../../study/design/knob.js';
import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import { drawsText, levelText, probabilityText, workedOutText } from '../../study/results/knob-wording.js';
import type { StudyResults } from '../../study/results/results.js';
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import type { HtmlCell, HtmlTable } from '../html-table.js';

/** A line for each base model and each run of GRPO from it; without rows where the study has no knob on the task. */
export function knobTable({ knob }: StudyResults, task: TaskName): HtmlTable {
  const levels = knob?.levels ?? [];
  return {
    caption: `${TASKS[task].title}: what each start works out by itself, and the completions that GRPO draws from it to a share of the task's gain`,
    heads: [
      [
        'worked out in pretraining',
        'run',
        'its start works out',
        'p of the right solution',
        'half of the gain',
        'nine tenths',
      ],
    ],
    rows: levels.flatMap(({ name }) =>
      KNOB_DRAWERS.flatMap((paradigm): HtmlCell[][] => {
        const isHere = (row: { task: TaskName; level: string }) => row.task === task && row.level === name;
        const model = paradigm === 'reason-rft' ? 'stage 1' : 'base';
        const reading = knob!.readings.find((row) => isHere(row) && row.model === model);
        const draws = knob!.draws.find((row) => isHere(row) && row.paradigm === paradigm);
        if (!reading && !draws) return [];
        const cell = (count: number | null | undefined) =>
          draws === undefined || count === undefined ? '' : drawsText(count, draws.budget);
        return [
          [
            { text: levelText(name), head: true },
            PARADIGM_NAMES[paradigm],
            reading ? workedOutText(reading) : '',
            { text: reading ? probabilityText(reading.solutionProbability) : '', number: true },
            cell(draws?.half),
            cell(draws?.most),
          ],
        ];
      }),
    ),
  };
}
