/** The function-based reward of spatial transformation, with the weights of its three variants. */
import { extractAnswer } from './extract-answer.js';
import { type FunctionCall, type MatchVariant, matchCalls, parseFunctionCalls, uniqueCalls } from './function-match.js';
import type { AnsweredCompletion } from './reward.js';

/**
 * The reward of the extracted answer: its match with the gold answer times the repeat factor, which is the share of its calls
 * that are not repeats.
 *
 * @example
 * // one of two gold calls in full, the other by function and object: (1 + 0.5) / 2
 * functionMatchReward({
 *   completion: '<answer>change_size(1, small) change_color(2, red)</answer>',
 *   row: { answer: 'change_size(1, small) change_color(2, blue)' },
 * }, 'partial') // 0.75
 */
export function functionMatchReward(
  { completion, row }: AnsweredCompletion,
  variant: MatchVariant = 'full-only',
): number {
  return repeatedMatch(parseFunctionCalls(extractAnswer(completion)), parseFunctionCalls(row.answer), variant);
}

/** Whole matches alone count. */
export function functionReward(input: AnsweredCompletion): number {
  return functionMatchReward(input, 'full-only');
}

/** Partial matches earn a part. */
export function functionPartialReward(input: AnsweredCompletion): number {
  return functionMatchReward(input, 'partial');
}

/** Partial matches cost something. */
export function functionPenaltyReward(input: AnsweredCompletion): number {
  return functionMatchReward(input, 'penalty');
}

/** The match of calls, with repeats among them, times the share that is not a repeat. */
export function repeatedMatch(
  calls: readonly FunctionCall[],
  gold: readonly FunctionCall[],
  variant: MatchVariant,
): number {
  if (calls.length === 0) return 0;
  return (matchCalls(calls, gold, variant) * uniqueCalls(calls).length) / calls.length;
}
