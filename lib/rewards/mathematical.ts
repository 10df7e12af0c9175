/** The mathematical reward: a numeric answer earns by how near it is to the gold one. */
import { extractAnswer } from './extract-answer.js';

/** Relative errors below this earn everything. */
const FULL = 0.05;
/** Relative errors above this earn nothing. */
const NONE = 0.2;

/** A decimal number with an optional exponent, and nothing else; longer digit strings are no number anybody means. */
const NUMBER = /^[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?$/;

/**
 * 1 for an answer within 5 % of the gold number, 0 beyond 20 %, and between them the falling half of a cosine:
 * with d = |a - g|, (cos(pi (d - 0.05 |g|) / (0.15 |g|)) + 1) / 2. Where either is not a number: 1 if equal as strings.
 *
 * Against a gold number of 0 the formula has a hole (see `releasedMathematicalReward`). Here 0 against 0 earns 1, anything
 * else against 0 earns 0: the formula's limit.
 *
 * @example mathematicalReward('<answer>112.5</answer>', { solution: '100' }) // 0.5
 */
export function mathematicalReward(completion: string, { solution }: { solution: string }): number {
  const [answer, gold] = [extractAnswer(completion), solution.trim()];
  if (answer === gold) return 1;
  if (!NUMBER.test(answer) || !NUMBER.test(gold)) return 0;
  const distance = Math.abs(Number(answer) - Number(gold));
  return distance === 0 ? 1 : tolerance(distance, Math.abs(Number(gold)));
}

/**
 * The released reward, its trap included: where the gold number is 0 and the answer is 0 in numbers, 0.0 say, it divides by
 * zero there, which ends the reward without a number: null here, so that the completion is left out of the sum. Any other
 * answer against 0 earns 0 in both.
 */
export function releasedMathematicalReward(completion: string, { solution }: { solution: string }): number | null {
  const [answer, gold] = [extractAnswer(completion), solution.trim()];
  if (!NUMBER.test(answer) || !NUMBER.test(gold)) return answer === gold ? 1 : 0;
  const distance = Math.abs(Number(answer) - Number(gold));
  if (Number(gold) === 0) return distance > 0 ? 0 : null;
  return tolerance(distance, Math.abs(Number(gold)));
}

/** 1 below 5 % of the size, 0 above 20 %, the falling half of a cosine between. */
function tolerance(distance: number, size: number): number {
  if (distance < FULL * size) return 1;
  if (!(distance <= NONE * size)) return 0;
  return (Math.cos((Math.PI * (distance - FULL * size)) / ((NONE - FULL) * size)) + 1) / 2;
}
