/** The accuracy reward of answers that are mathematics. */
import { extractAnswer } from './extract-answer.js';
import { equalAnswers } from './symbolic.js';

/** 1 if the extracted answer equals the solution as mathematics: 1/2 is 0.5 is \frac{1}{2}; else 0. */
export function symbolicAccuracyReward(completion: string, { solution }: { solution: string }): number {
  return equalAnswers(extractAnswer(completion), solution) ? 1 : 0;
}
