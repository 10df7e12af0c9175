/** Whether a measured curve ends above its start by more than its noise. */

/** A mean of steps and its standard error. */
export interface MeanOfSteps {
  mean: number;
  /** s / sqrt(n), with the unbiased s of the steps. */
  standardError: number;
  /** The number of steps. */
  count: number;
}

/** The first steps of a curve, its last steps, and their difference. */
export interface StartAndEnd {
  start: MeanOfSteps;
  end: MeanOfSteps;
  difference: number;
  /** Of the difference, of steps drawn independently: sqrt(se_start^2 + se_end^2). */
  standardError: number;
}

/**
 * The first steps of a curve against the last ones. Each GRPO step draws other prompts, so steps are near independent and
 * their spread is the noise that a single step carries.
 *
 * @param window steps at either end, though never more than half of the curve
 * @throws Error for fewer than four values: two steps at either end are the least that has a spread
 */
export function compareStartAndEnd(values: readonly number[], window = 10): StartAndEnd {
  if (values.length < 4) {
    throw new Error(`start against end: needs four steps or more, got ${values.length}`);
  }
  const count = Math.max(2, Math.min(window, Math.floor(values.length / 2)));
  const start = meanOfSteps(values.slice(0, count));
  const end = meanOfSteps(values.slice(-count));
  return {
    start,
    end,
    difference: end.mean - start.mean,
    standardError: Math.hypot(start.standardError, end.standardError),
  };
}

function meanOfSteps(values: readonly number[]): MeanOfSteps {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, standardError: Math.sqrt(variance / values.length), count: values.length };
}
