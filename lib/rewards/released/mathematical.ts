/** The mathematical reward of the released code. */
import { readDecimal } from '../decimal.js';
import { tolerantScore } from '../mathematical.js';
import type { AnsweredCompletion } from '../reward.js';
import { extractReleasedAnswer } from './extract-answer.js';

/**
 * The released reward, its trap included: where the gold number is 0 and the answer is 0 in numbers, 0.0 say, it divides by
 * zero there, which ends the reward without a number: null here, so that the completion is left out of the sum. Any other
 * answer against 0 earns 0 in both.
 */
export function releasedMathematicalReward({ completion, row }: AnsweredCompletion): number | null {
  const [answer, gold] = [extractReleasedAnswer(completion), row.answer.trim()];
  const [number, target] = [readDecimal(answer)?.value, readDecimal(gold)?.value];
  if (number === undefined || target === undefined) return answer === gold ? 1 : 0;
  const distance = Math.abs(number - target);
  if (target === 0) return distance > 0 ? 0 : null;
  return tolerantScore(distance, Math.abs(target));
}
