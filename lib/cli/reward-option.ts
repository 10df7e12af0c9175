/** `--rewards`: a list of the kit's rewards and of one's own, which `grpo` trains on and `evaluate` reports. */
import { type ListedReward, parseRewardList } from '../rewards/reward-list.js';
import { checkUsage } from './usage.js';

/** What `--rewards` takes. */
export const REWARDS_TEXT =
  'names and files of your own with their exports (./mine.ts#brevity), with =weight where it is not 1';

/** The rewards of a list. @throws UsageError saying what is wrong with the list and what there is */
export function parseRewards(list: string): ListedReward[] {
  return checkUsage(() => parseRewardList(list));
}
