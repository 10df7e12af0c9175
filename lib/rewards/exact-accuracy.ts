/** The accuracy reward that asks for the gold answer to the letter. */
import { extractAnswer } from './extract-answer.js';

/** 1 if the extracted answer equals the solution as a string, else 0. */
export function exactAccuracyReward(completion: string, { solution }: { solution: string }): number {
  return extractAnswer(completion) === solution.trim() ? 1 : 0;
}
