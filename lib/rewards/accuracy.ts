/** The accuracy reward of discrete answers: is the extracted answer the gold one? */
import { extractAnswer } from './extract-answer.js';

/** A plain decimal number and nothing else; longer text than this is no number anybody means. */
const NUMBER = /^[+-]?\d{1,15}(\.\d{1,15})?$/;

/** 1 if the extracted answer equals the solution as a string or as a number (6.0 is 6), else 0. */
export function accuracyReward(completion: string, { solution }: { solution: string }): number {
  const answer = extractAnswer(completion);
  const gold = solution.trim();
  if (answer === gold) return 1;
  return NUMBER.test(answer) && NUMBER.test(gold) && Number(answer) === Number(gold) ? 1 : 0;
}
