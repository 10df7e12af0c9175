/** The accuracy reward of discrete answers: is the extracted answer the gold one? */
import { extractAnswer, taggedAnswer } from './extract-answer.js';
import { equalAnswers } from './symbolic.js';

/** A plain decimal number and nothing else; longer text than this is no number anybody means. */
const NUMBER = /^[+-]?\d{1,15}(\.\d{1,15})?$/;

/** 1 if the extracted answer equals the solution as a string, else 0. */
export function exactAccuracyReward(completion: string, { solution }: { solution: string }): number {
  return extractAnswer(completion) === solution.trim() ? 1 : 0;
}

/**
 * The released reward, its traps included: between answer tags only equal strings count, so that 6.0 against 6 earns 0; a
 * symbolic check is made only where there is no answer tag, of the whole completion. There math-verify, which the released
 * code calls, would also find an expression within prose; here the completion must be the answer and nothing else.
 */
export function releasedAccuracyReward(completion: string, { solution }: { solution: string }): number {
  const tagged = taggedAnswer(completion);
  if (tagged !== undefined) return tagged === solution.trim() ? 1 : 0;
  return equalAnswers(completion, solution) ? 1 : 0;
}

/** As `exactAccuracyReward`, but numbers are equal by value: 6.0 is 6. */
export function accuracyReward(completion: string, { solution }: { solution: string }): number {
  const answer = extractAnswer(completion);
  const gold = solution.trim();
  if (answer === gold) return 1;
  return NUMBER.test(answer) && NUMBER.test(gold) && Number(answer) === Number(gold) ? 1 : 0;
}

/** 1 if the extracted answer equals the solution as mathematics: 1/2 is 0.5 is \frac{1}{2}; else 0. */
export function symbolicAccuracyReward(completion: string, { solution }: { solution: string }): number {
  return equalAnswers(extractAnswer(completion), solution) ? 1 : 0;
}
