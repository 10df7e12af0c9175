/** The paper's three observations of GRPO's course, looked for in the metrics of our runs: curves, and whether each is seen. */
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import { mean } from '../../train/advantage.js';
import type { Metrics } from '../../train/metrics.js';
import { cellCurves, finishedCell } from '../cells/run-cell.js';
import { paradigmCell } from '../design/paradigms.js';
import type { Study } from '../workspace.js';
import { findDip, findRise, LEAST_STEPS, NOISE_ERRORS, windowError, windowMeans } from './curve-shapes.js';
import type { Phenomenon, PhenomenonName, TrainingCurve } from './results.js';
import {
  adaptationGapText,
  NO_PAIR_OF_RUNS,
  NO_ZERO_RUN,
  PAPER_OBSERVATIONS,
  redundancyText,
  stratificationText,
} from './wording.js';

/**
 * Reads the three curves of a paradigm's runs. The mean goes as far as all of them.
 *
 * @throws Error naming the step that lacks a metric
 */
export function rewardCurves(
  task: TaskName,
  paradigm: TrainingCurve['paradigm'],
  runs: readonly { seed: number; metrics: readonly Metrics[] }[],
): TrainingCurve[] {
  const keys = {
    accuracy: `rewards/${TASKS[task].accuracyReward}/mean`,
    format: `rewards/${TASKS[task].formatReward}/mean`,
    length: 'completions/mean_length',
  } as const;
  const seeds = runs.map(({ seed }) => seed);
  const steps = Math.min(...runs.map(({ metrics }) => metrics.length));
  return (['accuracy', 'format', 'length'] as const).map((metric) => {
    const perSeed = runs.map(({ seed, metrics }) =>
      metrics.map((logged, step) => {
        const value = logged[keys[metric]];
        if (value === undefined)
          throw new Error(
            `${task}, ${paradigm}, seed ${seed}: step ${step + 1} has no '${keys[metric]}' in its metrics`,
          );
        return value;
      }),
    );
    const meanOverSeeds = Array.from({ length: steps }, (_, step) => mean(perSeed.map((values) => values[step]!)));
    return { paradigm, metric, seeds, perSeed, mean: meanOverSeeds };
  });
}

/** The phenomena of a task, from the runs of Reason-RFT and Reason-RFT-Zero that are finished. */
export function phenomenaOf(study: Study, task: TaskName): Phenomenon[] {
  const curves = (['reason-rft-zero', 'reason-rft'] as const).flatMap((paradigm) => {
    const runs = study.profile.seeds.flatMap((seed) => {
      const cell = paradigmCell(study, paradigm, task, seed);
      return finishedCell(study, cell) ? [{ seed, metrics: cellCurves(study, cell) }] : [];
    });
    return runs.length > 0 ? rewardCurves(task, paradigm, runs) : [];
  });
  return [adaptationGap(task, curves), rewardStratification(task, curves), reasoningRedundancy(task, curves)];
}

type Curves = readonly TrainingCurve[];

/** The mean over seeds of one curve; undefined where no run of the paradigm is finished. */
function meanCurve(curves: Curves, paradigm: TrainingCurve['paradigm'], metric: TrainingCurve['metric']) {
  return curves.find((curve) => curve.paradigm === paradigm && curve.metric === metric)?.mean;
}

/** Makes a phenomenon, which keeps the curves of these metrics, of both paradigms. */
function makePhenomenon(
  name: PhenomenonName,
  task: TaskName,
  curves: Curves,
  metrics: readonly TrainingCurve['metric'][],
  seen: Phenomenon['seen'],
  text: string,
): Phenomenon {
  const kept = curves.filter(({ metric }) => metrics.includes(metric));
  return { task, phenomenon: name, paper: PAPER_OBSERVATIONS[name], curves: kept, seen, text };
}

/** Transient adaptation gap: Reason-RFT-Zero's accuracy falls while it learns the format, and comes back. */
export function adaptationGap(task: TaskName, curves: Curves): Phenomenon {
  const zero = findDip(meanCurve(curves, 'reason-rft-zero', 'accuracy'));
  const reasonRft = findDip(meanCurve(curves, 'reason-rft', 'accuracy'));
  const text = zero ? adaptationGapText(zero, reasonRft) : NO_ZERO_RUN;
  return makePhenomenon('transient adaptation gap', task, curves, ['accuracy'], zero?.seen ?? null, text);
}

/** Greedy reward stratification: GRPO earns the cheap reward, format, first, and accuracy climbs after it. */
export function rewardStratification(task: TaskName, curves: Curves): Phenomenon {
  const name = 'greedy reward stratification';
  // The curves of both paradigms are kept. The verdict follows from Reason-RFT-Zero's alone.
  const metrics = ['accuracy', 'format', 'length'] as const;
  const format = findRise(meanCurve(curves, 'reason-rft-zero', 'format'));
  const accuracy = findRise(meanCurve(curves, 'reason-rft-zero', 'accuracy'));
  const length = meanCurve(curves, 'reason-rft-zero', 'length');
  if (!format || !accuracy || !length) return makePhenomenon(name, task, curves, metrics, null, NO_ZERO_RUN);
  const seen = format.rises && accuracy.rises && format.half + format.window <= accuracy.half;
  const tokens = windowMeans(length);
  const text = stratificationText(format, accuracy, {
    first: tokens[0]!,
    shortest: Math.min(...tokens),
    last: tokens.at(-1)!,
  });
  return makePhenomenon(name, task, curves, metrics, seen, text);
}

/** Reasoning redundancy: Reason-RFT goes on writing long completions where Reason-RFT-Zero comes to write short ones. */
export function reasoningRedundancy(task: TaskName, curves: Curves): Phenomenon {
  const name = 'reasoning redundancy';
  const [reasonRft, zero] = (['reason-rft', 'reason-rft-zero'] as const).map((paradigm) => {
    const length = meanCurve(curves, paradigm, 'length');
    const accuracy = meanCurve(curves, paradigm, 'accuracy');
    if (!length || !accuracy || length.length < LEAST_STEPS) return undefined;
    const error = windowError(length);
    return { paradigm, length: windowMeans(length).at(-1)!, accuracy: windowMeans(accuracy).at(-1)!, error };
  });
  if (!reasonRft || !zero) return makePhenomenon(name, task, curves, ['length'], null, NO_PAIR_OF_RUNS);
  const seen = reasonRft.length - zero.length > NOISE_ERRORS * Math.hypot(reasonRft.error, zero.error);
  return makePhenomenon(name, task, curves, ['length'], seen, redundancyText([reasonRft, zero]));
}
