/** What rewards say of an evaluation: `evaluate --rewards`. */
import type { EvaluatedItem, EvaluationItem } from '../evaluate/evaluate.js';
import type { Model } from '../model/model.js';
import type { ListedReward } from '../rewards/reward-list.js';
import { REWARD_DEFAULTS } from '../train/named-reward.js';
import { refuseImages, rewardMetrics, type ScoredCompletion, scoreCompletions } from '../train/score-completions.js';

/** The numbers of each reward, by the names that a run logs them under, without `rewards/`. */
export type RewardReport = { [metric: string]: number };

/** The question to the rewards about an outcome. It stands alone: its group is itself, and its step later than any in training. */
export function rewardQuestion(model: Model, outcome: EvaluatedItem, item: EvaluationItem): ScoredCompletion {
  const { completion, tokens, ended } = outcome;
  return {
    ...{ completion, tokens, cut: !ended, row: item.row, group: [completion], step: Infinity },
    prompt: model.tokenizer.decode(item.prompt.tokens, { skipSpecial: true }),
    randomKey: `evaluation/${item.id}`,
    images: item.images ?? refuseImages,
  };
}

/**
 * Asks rewards about the completions of an evaluation. A failure counts as null, since the completions are there already: the numbers
 * say how many there were, and stderr shows the first of each reward.
 */
export async function reportRewards(
  rewards: readonly ListedReward[],
  questions: readonly ScoredCompletion[],
): Promise<RewardReport> {
  const scores = await scoreCompletions(rewards, questions, { ...REWARD_DEFAULTS, onRewardError: 'null' });
  for (const { errors } of scores) {
    const failed = errors.filter((error) => error !== undefined);
    if (failed.length > 0)
      process.stderr.write(`warning: ${failed[0]}; ${failed.length} in all, which count as null\n`);
  }
  const metrics = scores.flatMap((ofReward) => Object.entries(rewardMetrics(ofReward)));
  return Object.fromEntries(metrics.map(([name, value]) => [name.slice('rewards/'.length), value]));
}

/** The report in words: the mean of each reward, with those that it left out. */
export function rewardText(rewards: readonly ListedReward[], report: RewardReport): string {
  return rewards
    .map(({ name }) => {
      const mean = report[`${name}/mean`]?.toFixed(3) ?? 'none';
      const nulls = report[`${name}/nulls`]!;
      return `; ${name} ${mean}${nulls > 0 ? ` (null for ${nulls})` : ''}`;
    })
    .join('');
}
