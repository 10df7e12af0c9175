/** The paper's three observations of GRPO's course, looked for in the metrics of our runs: curves, and whether each is seen. */
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import type { Metrics } from '../../train/metrics.js';
import { cellMetrics, finishedCell } from '../cells/cell.js';
import { PARADIGM_NAMES, paradigmCell } from '../design/paradigms.js';
import type { Study } from '../workspace.js';
import type { Phenomenon, TrainingCurve } from './results.js';

/** What is compared is a mean over a twentieth of the steps. */
const WINDOWS = 20;
/** Standard errors that a change must exceed: the search for the lowest place finds three in pure noise, one time in fifty. */
const BEYOND = 4;
/** Steps that a course needs. */
const LEAST_STEPS = 8;

/** The three curves of a paradigm's runs; the mean goes as far as all of them. */
export function rewardCurves(
  task: TaskName,
  paradigm: TrainingCurve['paradigm'],
  runs: readonly { seed: number; metrics: readonly Metrics[] }[],
): TrainingCurve[] {
  const keys = {
    accuracy: `rewards/${TASKS[task].accuracyReward}/mean`,
    format: 'rewards/format_reward/mean',
    length: 'completions/mean_length',
  } as const;
  const seeds = runs.map(({ seed }) => seed);
  const steps = Math.min(...runs.map(({ metrics }) => metrics.length));
  return (['accuracy', 'format', 'length'] as const).map((metric) => {
    const perSeed = runs.map(({ metrics }) => metrics.map((step) => step[keys[metric]]!));
    const mean = Array.from({ length: steps }, (_, step) => meanOf(perSeed.map((values) => values[step]!)));
    return { paradigm, metric, seeds, perSeed, mean };
  });
}

/** The phenomena of a task, from the runs of Reason-RFT and Reason-RFT-Zero that are finished. */
export function phenomenaOf(study: Study, task: TaskName): Phenomenon[] {
  const curves = (['reason-rft-zero', 'reason-rft'] as const).flatMap((paradigm) => {
    const runs = study.profile.seeds.flatMap((seed) => {
      const cell = paradigmCell(study, paradigm, task, seed);
      return finishedCell(study, cell) ? [{ seed, metrics: cellMetrics(study, cell) }] : [];
    });
    return runs.length > 0 ? rewardCurves(task, paradigm, runs) : [];
  });
  return [adaptationGap(task, curves), rewardStratification(task, curves), reasoningRedundancy(task, curves)];
}

type Curves = readonly TrainingCurve[];

const curveOf = (curves: Curves, paradigm: TrainingCurve['paradigm'], metric: TrainingCurve['metric']) =>
  curves.find((each) => each.paradigm === paradigm && each.metric === metric);

/** Transient adaptation gap: Zero's accuracy falls while it takes on the format, and comes back. */
export function adaptationGap(task: TaskName, curves: Curves): Phenomenon {
  const found = {
    task,
    phenomenon: 'transient adaptation gap',
    paper: 'Reason-RFT-Zero falls from an accuracy of about 84 % to 30 % near step 10, and is back by step 40 to 60.',
    curves: curves.filter(({ metric }) => metric === 'accuracy'),
  } as const;
  const zero = findDip(curveOf(curves, 'reason-rft-zero', 'accuracy')?.mean);
  const rft = findDip(curveOf(curves, 'reason-rft', 'accuracy')?.mean);
  if (!zero) return { ...found, seen: null, text: 'No run of Reason-RFT-Zero is finished that is long enough.' };
  const text = dipText('Reason-RFT-Zero', zero) + (rft ? ` ${dipText('Reason-RFT, after stage 1,', rft)}` : '');
  return { ...found, seen: zero.seen, text };
}

/** Greedy reward stratification: the cheap reward, format, is had first; accuracy climbs after it. */
export function rewardStratification(task: TaskName, curves: Curves): Phenomenon {
  const found = {
    task,
    phenomenon: 'greedy reward stratification',
    paper: 'Format is near 1 by step 20 to 30; accuracy climbs after it, while completions shorten and lengthen again.',
    curves: curves.filter(({ paradigm }) => paradigm === 'reason-rft-zero'),
  } as const;
  const format = findRise(curveOf(curves, 'reason-rft-zero', 'format')?.mean);
  const accuracy = findRise(curveOf(curves, 'reason-rft-zero', 'accuracy')?.mean);
  const length = curveOf(curves, 'reason-rft-zero', 'length')?.mean;
  if (!format || !accuracy || !length)
    return { ...found, seen: null, text: 'No run of Reason-RFT-Zero is finished that is long enough.' };
  const seen = format.rises && accuracy.rises && format.half + format.window <= accuracy.half;
  const rise = ({ from, to, half, rises }: Rise) =>
    `${rises ? 'rises' : 'does not rise beyond its noise,'} from ${from.toFixed(2)} to ${to.toFixed(2)}` +
    (rises ? `, half of it by step ${half}` : '');
  const [early, late] = [windowMeans(length), windowMeans(length).at(-1)!];
  const shortest = Math.min(...early);
  const text =
    `Reason-RFT-Zero's format reward ${rise(format)}; its accuracy reward ${rise(accuracy)}. Completions have ` +
    `${early[0]!.toFixed(0)} tokens at first, ${shortest.toFixed(0)} at the shortest and ${late.toFixed(0)} at the end.`;
  return { ...found, seen, text };
}

/** Reasoning redundancy: Reason-RFT goes on writing long completions where Zero needs short ones. */
export function reasoningRedundancy(task: TaskName, curves: Curves): Phenomenon {
  const found = {
    task,
    phenomenon: 'reasoning redundancy',
    paper: 'On structure perception Reason-RFT keeps 150 to 170 tokens, where Zero falls to about 80 at like accuracy.',
    curves: curves.filter(({ metric }) => metric === 'length'),
  } as const;
  const ends = (['reason-rft', 'reason-rft-zero'] as const).map((paradigm) => {
    const length = curveOf(curves, paradigm, 'length')?.mean;
    const accuracy = curveOf(curves, paradigm, 'accuracy')?.mean;
    if (!length || !accuracy || length.length < LEAST_STEPS) return undefined;
    const error = windowError(length);
    return { paradigm, length: windowMeans(length).at(-1)!, accuracy: windowMeans(accuracy).at(-1)!, error };
  });
  const [rft, zero] = ends;
  if (!rft || !zero) return { ...found, seen: null, text: 'Runs of both paradigms are needed that are long enough.' };
  const seen = rft.length - zero.length > BEYOND * Math.hypot(rft.error, zero.error);
  const end = ({ paradigm, length, accuracy }: typeof rft) =>
    `${PARADIGM_NAMES[paradigm]} writes ${length.toFixed(0)} tokens at an accuracy reward of ${accuracy.toFixed(2)}`;
  return { ...found, seen, text: `At the end ${end(rft)}, ${end(zero)}.` };
}

interface Dip {
  seen: boolean;
  start: number;
  lowest: number;
  /** The middle of that window, from 1. */
  step: number;
  /** The highest window after that. */
  regained: number;
}

/** The deepest window in the first half, and the highest after it; undefined for too few steps. */
function findDip(values: readonly number[] | undefined): Dip | undefined {
  if (!values || values.length < LEAST_STEPS) return undefined;
  const means = windowMeans(values);
  const half = means.slice(0, Math.ceil(means.length / 2));
  const place = half.indexOf(Math.min(...half));
  const [start, lowest, regained] = [means[0]!, means[place]!, Math.max(...means.slice(place))];
  const beyond = BEYOND * Math.SQRT2 * windowError(values);
  const fall = start - lowest;
  const seen = fall > beyond && regained - lowest > beyond && regained - lowest >= fall / 2;
  return { seen, start, lowest, step: middleOf(values, place), regained };
}

function dipText(name: string, { seen, start, lowest, step, regained }: Dip): string {
  const [from, to, back] = [start, lowest, regained].map((share) => share.toFixed(2));
  return seen
    ? `${name} falls from an accuracy reward of ${from} to ${to} at step ${step} and regains ${back}.`
    : `${name} has no dip beyond its noise that it comes back from: ${from} at first, ${to} at the lowest of the first half, ${back} at the highest after that.`;
}

interface Rise {
  /** Whether the end is above the start beyond the noise. */
  rises: boolean;
  from: number;
  to: number;
  /** The middle, from 1, of the first window that has half of the rise. */
  half: number;
  /** Steps of a window. */
  window: number;
}

/** The first window against the last; undefined for too few steps. */
function findRise(values: readonly number[] | undefined): Rise | undefined {
  if (!values || values.length < LEAST_STEPS) return undefined;
  const means = windowMeans(values);
  const [from, to] = [means[0]!, means.at(-1)!];
  const half = middleOf(
    values,
    means.findIndex((mean) => mean >= (from + to) / 2),
  );
  return { rises: to - from > BEYOND * Math.SQRT2 * windowError(values), from, to, half, window: windowOf(values) };
}

/** The step in the middle of a window, from 1. @param place of the window's first step, from 0 */
function middleOf(values: readonly number[], place: number): number {
  return place + Math.ceil((windowOf(values) + 1) / 2);
}

function windowOf(values: readonly number[]): number {
  return Math.max(1, Math.round(values.length / WINDOWS));
}

/** The mean of each run of consecutive steps as long as a window. */
export function windowMeans(values: readonly number[]): number[] {
  const window = windowOf(values);
  return Array.from({ length: values.length - window + 1 }, (_, from) => meanOf(values.slice(from, from + window)));
}

/**
 * The standard error of a window's mean. The noise of a step is taken from successive differences, which a slow trend does not
 * touch: s^2 = sum (x_{t+1} - x_t)^2 / (2 (n - 1)) (von Neumann et al. 1941).
 */
export function windowError(values: readonly number[]): number {
  const squares = values.slice(1).map((value, i) => (value - values[i]!) ** 2);
  return Math.sqrt(meanOf(squares) / 2 / windowOf(values));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
