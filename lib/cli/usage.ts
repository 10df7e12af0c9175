/** Tells wrong usage from other errors: the user asked for something that cannot be, and nothing was done. */

/** Something is wrong with what the user asked for; the command line ends with exit code 2. */
export class UsageError extends Error {}

/**
 * Runs a check whose failure is the user's mistake.
 *
 * @throws UsageError if the check throws; it has the message of the error that the check threw
 */
export function checkUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** No option or setting that counts something may be larger, where it has no bound of its own. */
const LARGEST = 1_000_000_000;

/** The bounds of options and settings whose size is memory or time. They lie far beyond every use, and stop slips such as 1e9. */
const BOUNDS: { readonly [name: string]: number } = {
  epochs: 10_000,
  steps: 100_000_000,
  batchSize: 100_000,
  examplesPerMicroBatch: 100_000,
  promptsPerStep: 100_000,
  promptsPerMicroBatch: 100_000,
  completions: 10_000,
  '--validation-samples': 10_000,
  maxNewTokens: 1_000_000,
  '--max-new-tokens': 1_000_000,
  packTo: 1_000_000,
  updatesPerRollout: 10_000,
  '--lora-rank': 1_000_000,
  '--workers': 10_000,
  // Larger whole numbers are not told apart.
  seed: Number.MAX_SAFE_INTEGER,
  '--seed': Number.MAX_SAFE_INTEGER,
};

/** Checks the size of a number that an option or a setting gives. @throws UsageError naming it, its value and its bound */
export function checkBound(name: string, value: number, source = ''): void {
  const most = BOUNDS[name] ?? LARGEST;
  if (!(Math.abs(value) <= most)) throw new UsageError(`${source}${name} may be at most ${most}, got ${value}`);
}

/**
 * Reads the whole number that an option gives.
 *
 * @throws UsageError naming the option, where its text is no whole number, or one below `least` or above the option's bound
 */
export function parseWholeNumber(option: string, text: string, least = 0): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least)
    throw new UsageError(`${option} must be a whole number of ${least} or more, got '${text}'`);
  checkBound(option, value);
  return value;
}
