/** How a test item is scored, from 0 to 1: the reference's evaluation, which is not always the reward. */
import { accuracyReward } from './accuracy.js';
import { extractAnswer, taggedAnswer } from './extract-answer.js';
import { matchCalls, matchFunctionCalls, parseReleasedCalls } from './function-match.js';
import { equalAnswers } from './symbolic.js';

/** The score of a completion against the gold answer, in [0, 1]. */
export type Scorer = (completion: string, solution: string) => number;

/** Counting and structure perception: 1 if the answer is equal as text or as a number, else 0. */
export const scoreAnswer: Scorer = (completion, solution) => accuracyReward(completion, { solution });

/** Spatial transformation: credit for partial matches (1, 0.5, 0.5, 0.25), without the reward's repeat factor. */
export const scoreTransformation: Scorer = (completion, solution) =>
  matchFunctionCalls(extractAnswer(completion), solution, 'partial');

/**
 * The released score of counting and structure perception. Where it differs from `scoreAnswer`:
 *
 * - the answer may be equal as mathematics too, between tags or without them: 1/2 is 0.5, and 50 % is;
 * - white space around the gold answer is not stripped where the completion has tags, so that only mathematics can save it.
 *
 * Where this differs from the released code: that finds an expression within prose, by math-verify, and here the text must be
 * the answer and nothing else.
 */
export const releasedScoreAnswer: Scorer = (completion, solution) => {
  const tagged = taggedAnswer(completion);
  if (tagged === undefined ? completion.trim() === solution.trim() : tagged === solution) return 1;
  // A letter is no mathematics: b is not B there.
  if (/^\s*[A-D]\s*$/.test(solution)) return 0;
  return equalAnswers(tagged ?? completion, solution) ? 1 : 0;
};

/**
 * The released score of spatial transformation. Where it differs from `scoreTransformation`:
 *
 * - an answer counts as tagged only if both tags stand on one line. CoT-SFT trains answers on lines of their own, and of such a
 *   completion every call is scored, those of the thinking process included;
 * - calls are read as `parseReleasedCalls` does;
 * - there, calls are matched in the order of a Python set, which differs from run to run where two would do; here, in the order
 *   in which they stand.
 */
export const releasedScoreTransformation: Scorer = (completion, solution) =>
  matchCalls(parseReleasedCalls(lineAnswer(completion) ?? completion), parseReleasedCalls(solution), 'partial');

/** The text of the first answer whose tags stand on one line. */
function lineAnswer(completion: string): string | undefined {
  for (const line of completion.split('\n')) {
    const answer = taggedAnswer(line);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
