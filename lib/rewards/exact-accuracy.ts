/** The accuracy reward that asks for the gold answer to the letter. */
import { extractAnswer } from './extract-answer.js';
import type { AnsweredCompletion } from './reward.js';

/** 1 if the extracted answer equals the gold answer as a string, else 0. */
export function exactAccuracyReward({ completion, row }: AnsweredCompletion): number {
  const answer = extractAnswer(completion);
  return answer === row.answer.trim() && answer !== '' ? 1 : 0;
}
