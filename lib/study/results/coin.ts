/**
 * The coin as a reward: the ablation's run that earns a coin in place of the accuracy reward, beside the run that earns the accuracy
 * reward. What the coin gains, no reward function may claim as its own (`rewards/random-control.ts`).
 */
import { TASK_NAMES, TASKS, type TaskName } from '../../tasks/tasks.js';
import { type CoinPair, coinSentence } from './ablation-wording.js';
import type { AblationPoint } from './results.js';

/** A sentence for each task whose reward ablation has a finished run with a coin, beside a finished base. */
export function coinSentences(ablations: readonly AblationPoint[]): { task: TaskName; text: string }[] {
  return TASK_NAMES.flatMap((task) => {
    const points = ablations.filter((point) => point.task === task && point.ablation === 'Reward');
    const pairs = points.flatMap((base): CoinPair[] => {
      const coin = points.find(({ setting, testSet }) => testSet === base.testSet && tossesCoin(task, setting));
      return base.base && coin ? [{ coin, base }] : [];
    });
    return pairs.length > 0 ? [{ task, text: coinSentence(pairs) }] : [];
  });
}

function tossesCoin(task: TaskName, setting: string): boolean {
  return TASKS[task].rewardAblation[setting]?.includes('random_reward') ?? false;
}
