/** Tells wrong usage from other errors: the user asked for something that cannot be, and nothing was done. */
import { checkBound } from '../engine/bounds.js';

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

/** The message on an option of one value that a command line has twice. Of the two it would be a guess which one is meant. */
export function givenTwice(option: string): string {
  return `${option} is given twice and takes one value; leave one of the two out`;
}

/** The settings that options of another name give. */
const SETTING_OF: { readonly [option: string]: string } = {
  '--validation-samples': 'samples',
  '--max-new-tokens': 'maxNewTokens',
  '--lora-rank': 'rank',
};

/**
 * Reads the whole number that an option gives.
 *
 * @throws UsageError naming the option, where its text is no whole number, or one below `least` or above the option's bound
 */
export function parseWholeNumber(option: string, text: string, least = 0): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least)
    throw new UsageError(`${option} must be a whole number of ${least} or more, got '${text}'`);
  checkUsage(() => checkBound(SETTING_OF[option] ?? option.slice(2), value, option));
  return value;
}
