/**
 * Upper bounds of settings. They lie far beyond every use, and stop slips such as 1e9 completions, which would end in a process that
 * hangs or runs out of memory.
 */

/** The bound of a setting that has none of its own. */
const LARGEST = 1_000_000_000;

/** The bounds of settings whose size is memory or time. */
const BOUNDS: { readonly [setting: string]: number } = {
  epochs: 10_000,
  steps: 100_000_000,
  batchSize: 100_000,
  examplesPerMicroBatch: 100_000,
  promptsPerStep: 100_000,
  promptsPerMicroBatch: 100_000,
  completions: 10_000,
  samples: 10_000,
  items: 1_000_000,
  maxNewTokens: 1_000_000,
  packTo: 1_000_000,
  updatesPerRollout: 10_000,
  resamplingRounds: 10_000,
  rank: 1_000_000,
  rewardConcurrency: 100_000,
  // In seconds; a timer holds no more than 2 million.
  rewardTimeLimit: 1_000_000,
  trainRows: 10_000_000,
  testItems: 1_000_000,
  workers: 10_000,
  // Larger whole numbers are not told apart.
  seed: Number.MAX_SAFE_INTEGER,
};

/**
 * Checks the size of one number.
 *
 * @param setting the name that its bound is known by
 * @param name the name that the error gives it
 * @throws Error naming it, its value and its bound; NaN is refused too
 */
export function checkBound(setting: string, value: number, name = setting): void {
  if (Number.isNaN(value)) throw new Error(`${name} must be a number, got NaN`);
  const most = BOUNDS[setting] ?? LARGEST;
  if (value > most) throw new Error(`${name} may be at most ${most}, got ${value}`);
  if (value < -most) throw new Error(`${name} may be at least ${-most}, got ${value}`);
}

/**
 * Checks every number of some settings, also those in groups of them.
 *
 * @param place where the settings are, for the error: `grpo: `, or the dotted name of a group
 * @throws Error as `checkBound`
 */
export function checkBounds(settings: object, place: string): void {
  for (const [setting, value] of Object.entries(settings) as [string, unknown][]) {
    if (typeof value === 'number') checkBound(setting, value, `${place}${setting}`);
    else if (typeof value === 'object' && value !== null) checkBounds(value, `${place}${setting}.`);
  }
}
