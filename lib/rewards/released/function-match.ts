/** The function-based reward of the released code, and how that reads calls. */
import { type FunctionCall, readCalls } from '../function-match.js';
import { repeatedMatch } from '../function-reward.js';
import type { AnsweredCompletion } from '../reward.js';
import { extractReleasedAnswer } from './extract-answer.js';

// As in `parseFunctionCalls`, one attempt a word keeps the search for the name linear; the lookbehind stands for `\b`.
const [ARGUMENTS, NAME] = [/^([\p{L}\p{N}_]+),\s*'?([\p{L}\p{N}_]+)'?\)/u, /(?<![\p{L}\p{N}_])[\p{L}\p{N}_]+$/u];

/**
 * The calls that the released code reads: `(\w+)\((\w+),\s*'?(\w+)'?\)`. Where that differs from `parseFunctionCalls`: white space
 * inside the brackets, but after the comma, spoils a call; a quote may stand on one side alone; double quotes spoil it; word
 * characters are those of every language. Linear in the text.
 */
export function parseReleasedCalls(text: string): FunctionCall[] {
  return readCalls(text, ARGUMENTS, NAME);
}

/**
 * The released reward, as its transformation scripts are wired: whole matches alone, and calls read as the released code reads
 * them (see `parseReleasedCalls`).
 */
export function releasedFunctionReward({ completion, row }: AnsweredCompletion): number {
  return repeatedMatch(
    parseReleasedCalls(extractReleasedAnswer(completion)),
    parseReleasedCalls(row.answer),
    'full-only',
  );
}
