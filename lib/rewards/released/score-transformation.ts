/** The released evaluation of spatial transformation. */
import { taggedAnswer } from '../extract-answer.js';
import { matchCalls } from '../function-match.js';
import type { AnswerScorer } from '../scorer.js';
import { parseReleasedCalls } from './function-match.js';

/**
 * The released score of spatial transformation. Where it differs from `scoreTransformation`:
 *
 * - an answer counts as tagged only if both tags stand on one line. CoT-SFT trains answers on lines of their own, and of such a
 *   completion every call is scored, those of the thinking process included;
 * - calls are read as `parseReleasedCalls` does;
 * - there, calls are matched in the order of a Python set, which differs from run to run where two would do; here, in the order
 *   in which they stand.
 */
export const releasedScoreTransformation: AnswerScorer = (completion, { answer }) =>
  matchCalls(parseReleasedCalls(lineAnswer(completion) ?? completion), parseReleasedCalls(answer), 'partial');

/** The text of the first answer whose tags stand on one line. */
function lineAnswer(completion: string): string | undefined {
  for (const line of completion.split('\n')) {
    const answer = taggedAnswer(line);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
