/** A knob that nobody ran: curves that rise the later the less a start works out, one that never does, and readings to go with them. */
import { wilsonInterval } from '../../lib/evaluate/interval.js';
import { estimateOverSeeds } from '../../lib/evaluate/over-seeds.js';
import { KNOB_DRAWERS } from '../../lib/study/design/knob.js';
import { STANDARD } from '../../lib/study/profile.js';
import type { KnobResults } from '../../lib/study/results/knob-results.js';
import { TASKS, type TaskName, type TestSet, testSetsOf } from '../../lib/tasks/tasks.js';

const DRAWS = [0, 256, 512, 1024, 1280, 2560, 3840, 5120, 6400];
const DRAWN = 3200;
/** The draws to half of a rise, by level: of Reason-RFT-Zero, and of Reason-RFT. */
const HALVES: { readonly [level: string]: readonly [zero: number, rft: number] } = {
  never: [Number.POSITIVE_INFINITY, 1900],
  '1-in-1000': [5000, 1500],
  '1-in-100': [1800, 700],
  '1-in-7': [900, 500],
};

export function madeUpKnob(tasks: readonly TaskName[]): KnobResults {
  const { levels } = STANDARD.knob!;
  const places = tasks.flatMap((task) => levels.map((level) => ({ task, level: level.name, share: level.share })));
  const estimate = (share: number) => estimateOverSeeds([Math.round(200 * share) / 200], 200);
  const drop = (set: TestSet) => (set === 'id' ? 0 : 0.12);
  return {
    levels: [...levels],
    readings: places.flatMap(({ task, level, share }) =>
      (['base', 'stage 1'] as const).map((model) => {
        const shown = model === 'base' ? (share < 0.01 ? 0 : share) : 0.3 + share;
        const workedOut = Math.round(DRAWN * shown);
        const interval = wilsonInterval(workedOut, DRAWN);
        const counted = { workedOut, drawn: DRAWN, interval, questions: 400 };
        return {
          task,
          level,
          model,
          ...counted,
          solutionProbability: Math.max(3e-9, shown / 3),
          solutionError: shown / 50,
        };
      }),
    ),
    curves: places.flatMap(({ task, level }) =>
      KNOB_DRAWERS.map((paradigm, p) => {
        const half = HALVES[level]![p]!;
        const at = (draws: number, set: TestSet) =>
          estimate(0.42 + 0.06 * p + 0.26 / (1 + (half / Math.max(1, draws)) ** 3) - drop(set));
        const points = DRAWS.map((draws) => ({
          draws,
          accuracy: Object.fromEntries(testSetsOf(task).map((set) => [set, at(draws, set)])),
        }));
        return { task, level, paradigm, seeds: [1], drawsPerStep: 128, points };
      }),
    ),
    cotSft: places.flatMap(({ task, level }) =>
      testSetsOf(task).map((testSet) => ({
        task,
        level,
        testSet,
        accuracy: estimate(0.6 - 2 * drop(testSet)),
        seeds: [1],
      })),
    ),
    gains: tasks.map((task) => ({ task, from: 0.42, to: 0.72, half: 0.57, most: 0.69 })),
    draws: places.flatMap(({ task, level }) =>
      KNOB_DRAWERS.map((paradigm, p) => {
        const half = DRAWS.find((draws) => draws >= HALVES[level]![p]!) ?? null;
        return {
          task,
          level,
          paradigm,
          half,
          most: half && half < 3000 ? 2 * half : null,
          budget: 6400,
          drawsPerStep: 128,
        };
      }),
    ),
    findings: places.map(({ task, level }) => ({
      task,
      level,
      text: `${TASKS[task].title}, ${level}: as it was made up.`,
    })),
  };
}
