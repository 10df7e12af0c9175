/** The score of spatial transformation, which is not its reward. */
import { extractAnswer } from './extract-answer.js';
import { matchFunctionCalls } from './function-match.js';
import type { AnswerScorer } from './scorer.js';

/** Spatial transformation: credit for partial matches (1, 0.5, 0.5, 0.25), without the reward's repeat factor. */
export const scoreTransformation: AnswerScorer = (completion, { answer }) =>
  matchFunctionCalls(extractAnswer(completion), answer, 'partial');
