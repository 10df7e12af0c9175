/** Shapes of a noisy training curve: a dip that it comes back from, and a rise from its start to its end. */
import { meanOf } from './measures.js';

/** A curve is read through means over windows of a twentieth of its steps. */
const WINDOWS = 20;
/** Standard errors that a change must exceed. In pure noise the search for the lowest window finds three, one time in fifty. */
export const BEYOND = 4;
/** Steps that a curve needs before a shape is looked for in it. */
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
  const place = firstHalf.indexOf(Math.min(...firstHalf));
  const [start, lowest, regained] = [means[0]!, means[place]!, Math.max(...means.slice(place))];
  const beyond = BEYOND * Math.SQRT2 * windowError(values);
  const fall = start - lowest;
  const seen = fall > beyond && regained - lowest > beyond && regained - lowest >= fall / 2;
  return { seen, start, lowest, step: middleOf(values, place), regained };
}

/** A curve's first window against its last. */
export interface Rise {
  /** Whether the end is above the start by more than the noise. */
  rises: boolean;
  from: number;
  to: number;
  /** The middle, from 1, of the first window that has half of the rise. */
  half: number;
  /** Steps of a window. */
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
