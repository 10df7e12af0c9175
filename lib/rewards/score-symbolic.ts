/** The score of answers that are mathematics. */
import type { AnswerScorer } from './scorer.js';
import { symbolicAccuracyReward } from './symbolic-accuracy.js';

/** 1 if the answer equals the gold one as mathematics, else 0: the evaluation of what `symbolic_accuracy_reward` trains. */
export const scoreSymbolic: AnswerScorer = (completion, row) => symbolicAccuracyReward({ completion, row });
