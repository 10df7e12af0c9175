/**
 * Every reward by the name that configurations, cells and the command line know it by. A cell is known by the files of its own
 * rewards: each entry therefore is a function that this file imports, on a line of its own (`study/cells/code-version.ts` reads it).
 */
import { accuracyReward } from './accuracy.js';
import { bareAccuracyReward, bareFunctionReward, bareMathematicalReward } from './bare-answer.js';
import { captionFormatReward } from './caption-format.js';
import { exactAccuracyReward } from './exact-accuracy.js';
import { formatReward } from './format.js';
import { functionPartialReward, functionPenaltyReward, functionReward } from './function-reward.js';
import { lengthReward } from './length.js';
import { mathematicalReward } from './mathematical.js';
import { randomReward } from './random-control.js';
import { reasoningStepsReward } from './reasoning-steps.js';
import { releasedAccuracyReward } from './released/accuracy.js';
import { releasedFormatReward } from './released/format.js';
import { releasedFunctionReward } from './released/function-match.js';
import { releasedMathematicalReward } from './released/mathematical.js';
import { repetitionReward } from './repetition.js';
import type { RewardFunction } from './reward.js';
import { symbolicAccuracyReward } from './symbolic-accuracy.js';

/**
 * Every one is a pure function that answers at once, of the fields of `RewardInput` that it names. No text makes it throw, and its time
 * is linear in the completion's length. It returns null when it does not apply to the row. The released ones keep the flaws of the released code; `random_reward` is
 * a control.
 */
export const REWARDS = {
  accuracy_reward: accuracyReward,
  exact_accuracy_reward: exactAccuracyReward,
  symbolic_accuracy_reward: symbolicAccuracyReward,
  bare_accuracy_reward: bareAccuracyReward,
  released_accuracy_reward: releasedAccuracyReward,
  mathematical_reward: mathematicalReward,
  bare_mathematical_reward: bareMathematicalReward,
  released_mathematical_reward: releasedMathematicalReward,
  function_reward: functionReward,
  function_partial_reward: functionPartialReward,
  function_penalty_reward: functionPenaltyReward,
  bare_function_reward: bareFunctionReward,
  released_function_reward: releasedFunctionReward,
  format_reward: formatReward,
  released_format_reward: releasedFormatReward,
  caption_format_reward: captionFormatReward,
  length_reward: lengthReward,
  reasoning_steps_reward: reasoningStepsReward,
  repetition_reward: repetitionReward,
  random_reward: randomReward,
} as const satisfies { readonly [name: string]: RewardFunction };
/** The name of a reward, by which settings, commands and logs know it. */
export type RewardName = keyof typeof REWARDS;
