/** The accuracy reward of discrete answers: is the extracted answer the gold one? */
import { sameDecimal } from './decimal.js';
import { extractAnswer } from './extract-answer.js';
import type { AnsweredCompletion } from './reward.js';

/**
 * 1 if the extracted answer equals the gold answer as a string or as a decimal number (6.0 is 6, 0.5 is .5), else 0.
 *
 * @example accuracyReward({ completion: '<answer>6.0</answer>', row: { answer: '6' } }) // 1
 */
export function accuracyReward({ completion, row }: AnsweredCompletion): number {
  const answer = extractAnswer(completion);
  const gold = row.answer.trim();
  return (answer === gold && answer !== '') || sameDecimal(answer, gold) ? 1 : 0;
}
