/** Estimates the time that a run still takes, from its last steps. The first step of a process builds the graphs and tells nothing. */

import { mean, median } from 'simple-statistics';

/** What a step has taken, in seconds. */
export interface TimedStep {
  /** The first is 1. */
  step: number;
  seconds: number;
  /** Of the evaluation after the step, if there was one. */
  evaluation?: number;
}

/** The steps whose median is the pace: enough that a slow one does not count, few enough to follow a pace that changes. */
const RECENT = 8;

/**
 * The seconds that are left: the median of the last steps for each step that is left, and the mean of the evaluations so far for each
 * that is left.
 *
 * @param timed the steps that this process has done, in order; the first of them is left out
 * @param evaluateEvery steps between two evaluations
 * @returns undefined as long as no step but the first is done
 */
export function secondsLeft(
  timed: readonly TimedStep[],
  total: number,
  evaluateEvery = Number.POSITIVE_INFINITY,
): number | undefined {
  const recent = timed.slice(1).slice(-RECENT);
  if (recent.length === 0) return undefined;
  const left = total - recent.at(-1)!.step;
  const evaluations = timed.flatMap(({ evaluation }) => evaluation ?? []);
  const evaluating = evaluations.length > 0 ? mean(evaluations) * Math.ceil(left / evaluateEvery) : 0;
  return left * median(recent.map(({ seconds }) => seconds)) + evaluating;
}
