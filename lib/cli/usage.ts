/** Wrong usage: what the user asked for cannot be, and nothing was done. */

/** Something is wrong with what the user asked for; the command line ends with exit code 2. */
export class UsageError extends Error {}

/**
 * Runs a check whose failure is the user's mistake.
 *
 * @throws UsageError with the message of whatever error the check throws
 */
export function checkUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/**
 * Reads the whole number that an option gives.
 *
 * @throws UsageError naming the option, where its text is no whole number or one below `least`
 */
export function parseWholeNumber(option: string, text: string, least = 0): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least)
    throw new UsageError(`${option} must be a whole number of ${least} or more, got '${text}'`);
  return value;
}
