/** Every reward by the name that configurations, cells and the command line know it by. */
import { accuracyReward, exactAccuracyReward, releasedAccuracyReward, symbolicAccuracyReward } from './accuracy.js';
import { captionFormatReward } from './caption-format.js';
import { formatReward, releasedFormatReward } from './format.js';
import { functionMatchReward, releasedFunctionReward } from './function-match.js';
import { lengthReward } from './length.js';
import { mathematicalReward, releasedMathematicalReward } from './mathematical.js';
import { randomReward } from './random-control.js';
import { reasoningStepsReward } from './reasoning-steps.js';

/**
 * Every reward is a pure function of a completion and its row. No text makes it throw, and its time is linear in the completion's
 * length. It returns null when it does not apply to the row. The released ones keep the flaws of the released code; `random_reward` is
 * a control.
 */
export const REWARDS = {
  accuracy_reward: accuracyReward,
  exact_accuracy_reward: exactAccuracyReward,
  symbolic_accuracy_reward: symbolicAccuracyReward,
  released_accuracy_reward: releasedAccuracyReward,
  mathematical_reward: mathematicalReward,
  released_mathematical_reward: releasedMathematicalReward,
  function_reward: (text: string, row: { solution: string }) => functionMatchReward(text, row),
  function_partial_reward: (text: string, row: { solution: string }) => functionMatchReward(text, row, 'partial'),
  function_penalty_reward: (text: string, row: { solution: string }) => functionMatchReward(text, row, 'penalty'),
  released_function_reward: releasedFunctionReward,
  format_reward: (text: string) => formatReward(text),
  released_format_reward: (text: string) => releasedFormatReward(text),
  caption_format_reward: (text: string) => captionFormatReward(text),
  length_reward: lengthReward,
  reasoning_steps_reward: (text: string) => reasoningStepsReward(text),
  random_reward: randomReward,
} as const;
export type RewardName = keyof typeof REWARDS;
