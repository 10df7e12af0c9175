/** Evaluation of a model on prepared rows: all the code of it that numbers depend on, but for the scorer's own. */
import { type Evaluation, type EvaluationOptions, evaluateModel } from '../../evaluate/evaluate.js';
import type { Model } from '../../model/model.js';
import { encodeQuestions } from './encode-rows.js';
import type { QuestionRow } from './prepared-rows.js';

/** Completes every row greedily and scores the completions. */
export function evaluateRows(
  model: Model,
  rows: readonly QuestionRow[],
  options: EvaluationOptions,
): Promise<Evaluation> {
  return evaluateModel(model, encodeQuestions(model, rows), options);
}
