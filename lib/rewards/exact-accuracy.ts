/** The accuracy reward that asks for the gold answer to the letter. */
import { extractAnswer } from './extract-answer.js';

/** 1 if the extracted answer equals the solution as a string, else 0. */
export function exactAccuracyReward(completion: string, { solution }: { solution: string }): number {
  const answer = extractAnswer(completion);
  return answer === solution.trim() && answer !== '' ? 1 : 0;
}
