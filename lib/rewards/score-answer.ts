/** The score of counting and structure perception: the reference's evaluation. */
import { accuracyReward } from './accuracy.js';
import type { AnswerScorer } from './scorer.js';

/** Counting and structure perception: 1 if the answer is equal as text or as a number, else 0. */
export const scoreAnswer: AnswerScorer = (completion, row) => accuracyReward({ completion, row });
