/** The mathematical reward: a numeric answer earns by how near it is to the gold one. */
import { readDecimal } from './decimal.js';
import { extractAnswer } from './extract-answer.js';
import type { AnsweredCompletion } from './reward.js';

/** Relative errors below this earn everything. */
const FULL = 0.05;
/** Relative errors above this earn nothing. */
const NONE = 0.2;

/**
 * 1 for an answer within 5 % of the gold number, 0 beyond 20 %, and between them the falling half of a cosine:
 * with d = |a - g|, (cos(pi (d - 0.05 |g|) / (0.15 |g|)) + 1) / 2. Where either is not a number: 1 if equal as strings.
 *
 * Against a gold number of 0 the formula has a hole (see `released/mathematical.ts`). Here 0 against 0 earns 1, anything
 * else against 0 earns 0: the formula's limit.
 *
 * @example mathematicalReward({ completion: '<answer>112.5</answer>', row: { answer: '100' } }) // 0.5
 */
export function mathematicalReward({ completion, row }: AnsweredCompletion): number {
  const [answer, gold] = [extractAnswer(completion), row.answer.trim()];
  if (answer === gold) return answer === '' ? 0 : 1;
  const [number, target] = [readDecimal(answer), readDecimal(gold)];
  if (!number || !target) return 0;
  if (number.exact === target.exact) return 1;
  if (target.value === 0) return 0;
  return tolerantScore(Math.abs(number.value - target.value), Math.abs(target.value));
}

/** 1 below 5 % of the size, 0 above 20 %, the falling half of a cosine between. */
export function tolerantScore(distance: number, size: number): number {
  if (distance < FULL * size) return 1;
  if (!(distance <= NONE * size)) return 0;
  return (Math.cos((Math.PI * (distance - FULL * size)) / ((NONE - FULL) * size)) + 1) / 2;
}
