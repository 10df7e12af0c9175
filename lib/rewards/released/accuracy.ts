/** The accuracy reward of the released code. */
import { taggedAnswer } from '../extract-answer.js';
import type { AnsweredCompletion } from '../reward.js';
import { equalAnswers } from '../symbolic.js';

/**
 * The released reward, its traps included: between answer tags only equal strings count, so that 6.0 against 6 earns 0; a
 * symbolic check is made only where there is no answer tag, of the whole completion. There math-verify, which the released
 * code calls, would also find an expression within prose; here the completion must be the answer and nothing else.
 */
export function releasedAccuracyReward({ completion, row }: AnsweredCompletion): number {
  const tagged = taggedAnswer(completion);
  if (tagged !== undefined) return tagged === row.answer.trim() ? 1 : 0;
  return equalAnswers(completion, row.answer) ? 1 : 0;
}
