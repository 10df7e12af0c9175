/** The accuracy reward of discrete answers: is the extracted answer the gold one? */
import { sameDecimal } from './decimal.js';
import { extractAnswer } from './extract-answer.js';

/** 1 if the extracted answer equals the solution as a string or as a decimal number (6.0 is 6, 0.5 is .5), else 0. */
export function accuracyReward(completion: string, { solution }: { solution: string }): number {
  const answer = extractAnswer(completion);
  const gold = solution.trim();
  return (answer === gold && answer !== '') || sameDecimal(answer, gold) ? 1 : 0;
}
