/** Shapes of a noisy training curve: a dip that it comes back from, and a rise from its start to its end. */
import { mean } from '../../train/advantage.js';

/** Shapes are looked for in means over windows, each a twentieth of the curve's steps, and five steps at most. */
export const WINDOWS = 20;
/**
 * The longest window in steps. A phenomenon takes as many steps in a long run as in a short one: the paper's dip lies near step 10. A
 * twentieth of 400 steps would hold the dip and what comes before it in one mean.
 */
export const LONGEST_WINDOW = 5;
/** The number of standard errors that a change must exceed. In pure noise the search for the lowest window finds three, one time in fifty. */
export const NOISE_ERRORS = 4;
/** The number of steps that a curve needs before a shape is looked for in it. */
export const LEAST_STEPS = 8;

/** The deepest window of a curve's first half. */
export interface Dip {
  /** Whether the curve falls to it and comes back, both by more than the noise. */
  seen: boolean;
  start: number;
  lowest: number;
  /** The middle of the lowest window, from 1. */
  step: number;
  /** The highest window after the lowest. */
  regained: number;
}

/** The deepest window in the first half, and the highest after it; undefined where the curve is missing or too short. */
export function findDip(values: readonly number[] | undefined): Dip | undefined {
  if (!values || values.length < LEAST_STEPS) return undefined;
  const means = windowMeans(values);
  const firstHalf = means.slice(0, Math.ceil(means.length / 2));
  const lowestWindow = firstHalf.indexOf(Math.min(...firstHalf));
  const [start, lowest, regained] = [means[0]!, means[lowestWindow]!, Math.max(...means.slice(lowestWindow))];
  const noise = NOISE_ERRORS * Math.SQRT2 * windowError(values);
  const fall = start - lowest;
  const seen = fall > noise && regained - lowest > noise && regained - lowest >= fall / 2;
  return { seen, start, lowest, step: middleOf(values, lowestWindow), regained };
}

/** A curve's first window against its last. */
export interface Rise {
  /** Whether the end is above the start by more than the noise. */
  rises: boolean;
  from: number;
  to: number;
  /** The middle, from 1, of the first window that has half of the rise. */
  half: number;
  /** The number of steps in a window. */
  window: number;
}

/** The first window against the last; undefined where the curve is missing or too short. */
export function findRise(values: readonly number[] | undefined): Rise | undefined {
  if (!values || values.length < LEAST_STEPS) return undefined;
  const means = windowMeans(values);
  const [from, to] = [means[0]!, means.at(-1)!];
  const half = middleOf(
    values,
    means.findIndex((mean) => mean >= (from + to) / 2),
  );
  return {
    rises: to - from > NOISE_ERRORS * Math.SQRT2 * windowError(values),
    from,
    to,
    half,
    window: windowLength(values),
  };
}

/** The step in the middle of a window, from 1. @param firstStep the window's first step, from 0 */
function middleOf(values: readonly number[], firstStep: number): number {
  return firstStep + Math.ceil((windowLength(values) + 1) / 2);
}

function windowLength(values: readonly number[]): number {
  return Math.min(LONGEST_WINDOW, Math.max(1, Math.round(values.length / WINDOWS)));
}

/** The mean of each run of consecutive steps as long as a window. */
export function windowMeans(values: readonly number[]): number[] {
  const window = windowLength(values);
  return Array.from({ length: values.length - window + 1 }, (_, from) => mean(values.slice(from, from + window)));
}

/**
 * The standard error of a window's mean. The noise of a step is taken from successive differences, which a slow trend does not
 * touch: s^2 = sum (x_{t+1} - x_t)^2 / (2 (n - 1)) (von Neumann et al. 1941).
 */
export function windowError(values: readonly number[]): number {
  const squares = values.slice(1).map((value, i) => (value - values[i]!) ** 2);
  return Math.sqrt(mean(squares) / 2 / windowLength(values));
}
