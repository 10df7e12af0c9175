/** The accuracy reward of answers that are mathematics. */
import { extractAnswer } from './extract-answer.js';
import type { AnsweredCompletion } from './reward.js';
import { equalAnswers } from './symbolic.js';

/** 1 if the extracted answer equals the gold answer as mathematics: 1/2 is 0.5 is \frac{1}{2}; else 0. */
export function symbolicAccuracyReward({ completion, row }: AnsweredCompletion): number {
  return equalAnswers(extractAnswer(completion), row.answer) ? 1 : 0;
}
