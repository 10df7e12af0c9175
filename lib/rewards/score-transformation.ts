/** The score of spatial transformation, which is not its reward. */
import { extractAnswer } from './extract-answer.js';
import { matchFunctionCalls } from './function-match.js';
import type { Scorer } from './scorer.js';

/** Spatial transformation: credit for partial matches (1, 0.5, 0.5, 0.25), without the reward's repeat factor. */
export const scoreTransformation: Scorer = (completion, goldAnswer) =>
  matchFunctionCalls(extractAnswer(completion), goldAnswer, 'partial');
