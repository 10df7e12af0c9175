/** The length reward (Kimi k1.5, 2025, section 2.3.3): among the completions of one prompt, shorter correct ones earn more. */
import { accuracyReward } from './accuracy.js';
import type { AnsweredCompletion } from './reward.js';

/** The weight that the released code gives this reward. */
const LENGTH_REWARD_WEIGHT = 0.05;
/** The steps in which it gives nothing, so that accuracy is learned first. */
const STEPS_WITHOUT = 800;

/**
 * With lambda = 0.5 - (length - shortest) / (longest - shortest), a correct completion earns lambda and a wrong one
 * min(0, lambda), times 0.05; all earn 0 in the first 800 steps, and where all are of one length.
 *
 * @param group length (tokens or characters) and correctness of each completion of one prompt
 * @param step the training step; the first is 1
 * @returns a reward each, in [-0.025, 0.025]
 */
export function lengthRewards(group: readonly { length: number; correct: boolean }[], step: number): number[] {
  const lengths = group.map((completion) => completion.length);
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  if (step <= STEPS_WITHOUT || longest === shortest) return lengths.map(() => 0);
  return group.map(({ length, correct }) => {
    const lambda = 0.5 - (length - shortest) / (longest - shortest);
    return LENGTH_REWARD_WEIGHT * (correct ? lambda : Math.min(0, lambda));
  });
}

/**
 * `lengthRewards` of one completion among its group's, as a run names it: lengths in characters, as in the released code, and
 * correct as `accuracyReward` has it. The weight of 0.05 is in it already.
 *
 * @param input.group all completions of the prompt, this one among them
 * @param input.step the training step; the first is 1
 */
export function lengthReward({
  completion,
  row,
  group,
  step,
}: AnsweredCompletion & { group: readonly string[]; step: number }): number {
  if (step <= STEPS_WITHOUT) return 0;
  const rewards = lengthRewards(
    group.map((text) => ({ length: text.length, correct: accuracyReward({ completion: text, row }) === 1 })),
    step,
  );
  // Equal texts earn the same, so the first will do.
  return rewards[group.indexOf(completion)] ?? 0;
}
