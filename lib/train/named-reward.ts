/** A reward of a run: the reward with its name and weight; and the settings of how a run asks its rewards. */
import { checkBounds } from '../engine/bounds.js';
import type { Reward } from '../rewards/reward.js';

/** A reward, the name under which it is logged, and its weight in the sum. */
export interface NamedReward {
  name: string;
  weight: number;
  reward: Reward;
}

/** What happens when a reward fails: the run stops before the update, or the completion counts as one that the reward leaves out. */
const ON_REWARD_ERROR = ['stop', 'null'] as const;

/** How a run asks its rewards. */
export interface RewardSettings {
  /** Answers of one reward that are waited for at once; the next is asked when one has come. */
  rewardConcurrency: number;
  /** The longest wait for an answer, in seconds. It cannot end a function that computes without ever waiting. */
  rewardTimeLimit: number;
  /** What happens when a reward throws, takes too long or gives anything but a finite number, a boolean or null. */
  onRewardError: (typeof ON_REWARD_ERROR)[number];
}

export const REWARD_DEFAULTS = {
  rewardConcurrency: 16,
  rewardTimeLimit: 60,
  onRewardError: 'stop',
} as const satisfies RewardSettings;

/** @throws Error naming the setting that is impossible, and what it must be */
export function checkRewardSettings({ rewardConcurrency, rewardTimeLimit, onRewardError }: RewardSettings): void {
  if (!Number.isInteger(rewardConcurrency) || rewardConcurrency < 1)
    throw new Error(`rewards: rewardConcurrency must be a whole number of 1 or more, got ${rewardConcurrency}`);
  if (!(rewardTimeLimit > 0))
    throw new Error(`rewards: rewardTimeLimit must be above 0, in seconds, got ${rewardTimeLimit}`);
  checkBounds({ rewardConcurrency, rewardTimeLimit }, 'rewards: ');
  if (!ON_REWARD_ERROR.includes(onRewardError))
    throw new Error(`rewards: onRewardError must be one of ${ON_REWARD_ERROR.join(', ')}, got '${onRewardError}'`);
}

/**
 * Checks the rewards of a run.
 *
 * @throws Error when there is none, when two share a name, or when a name cannot stand in the name of a metric
 */
export function checkRewards(rewards: readonly NamedReward[]): void {
  if (rewards.length === 0) throw new Error('grpo: there is no reward function');
  const names = rewards.map(({ name }) => name);
  const bad = names.find((name) => !/^[^\s/,=#]+$/.test(name));
  if (bad !== undefined)
    throw new Error(
      `grpo: a reward cannot be named '${bad}': a name is a part of metrics' names and holds no blank and none of / , = #`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(`grpo: two rewards are named '${twice}'; name it once, with the weight that it has`);
  const strange = rewards.find(({ weight }) => !Number.isFinite(weight));
  if (strange) throw new Error(`grpo: the weight of '${strange.name}' must be a finite number, got ${strange.weight}`);
}
