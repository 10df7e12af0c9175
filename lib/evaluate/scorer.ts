/** How a test item is scored, from 0 to 1: the reference's evaluation, which is not always the reward. */
import { accuracyReward } from '../rewards/accuracy.js';
import { extractAnswer } from '../rewards/extract-answer.js';
import { matchFunctionCalls } from '../rewards/function-match.js';

/** The score of a completion against the gold answer, in [0, 1]. */
export type Scorer = (completion: string, solution: string) => number;

/** Counting and structure perception: 1 if the answer is equal as text or as a number, else 0. */
export const scoreAnswer: Scorer = (completion, solution) => accuracyReward(completion, { solution });

/** Spatial transformation: credit for partial matches (1, 0.5, 0.5, 0.25), without the reward's repeat factor. */
export const scoreTransformation: Scorer = (completion, solution) =>
  matchFunctionCalls(extractAnswer(completion), solution, 'partial');
