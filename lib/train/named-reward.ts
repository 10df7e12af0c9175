/** A reward of a run: a function with its name and weight, and the number that it gives a completion. */
import type { RewardFunction, RewardRow } from '../rewards/reward.js';

/** A reward function, the name under which it is logged, and its weight in the sum. */
export interface NamedReward {
  name: string;
  weight: number;
  reward: RewardFunction;
}

/** @throws Error when there is no reward, when two have one name and would be one column of the log, or when a weight is no number */
export function checkRewards(rewards: readonly NamedReward[]): void {
  if (rewards.length === 0) throw new Error('grpo: there is no reward function');
  const names = new Set<string>();
  for (const { name, weight } of rewards) {
    if (names.has(name))
      throw new Error(`grpo: two rewards are named '${name}'; name it once, with the weight that it has`);
    names.add(name);
    if (!Number.isFinite(weight))
      throw new Error(`grpo: the weight of '${name}' must be a finite number, got ${weight}`);
  }
}

/** So much of a completion stands in an error, in characters. */
const SHOWN = 80;

/**
 * Asks a reward about a completion.
 *
 * @param id the record's
 * @returns null when the reward does not apply to the row
 * @throws Error naming the reward, the row and the completion, when the function fails or returns no finite number
 */
export function rewardCompletion(
  { name, reward }: NamedReward,
  completion: string,
  id: string,
  row: RewardRow,
): number | null {
  const fail = (problem: string, cause?: unknown): never => {
    const text = completion.length > SHOWN ? `${completion.slice(0, SHOWN)} ...` : completion;
    throw new Error(`the reward '${name}' ${problem} for row '${id}' and the completion ${JSON.stringify(text)}`, {
      cause,
    });
  };
  let value: unknown;
  try {
    value = reward(completion, row);
  } catch (error) {
    return fail(`failed (${(error as Error).message})`, error);
  }
  if (value === null || Number.isFinite(value)) return value as number | null;
  return fail(`must return a finite number or null, but returned ${valueText(value)}`);
}

function valueText(value: unknown): string {
  // A promise of a notebook is not of this module's class.
  if (typeof (value as PromiseLike<unknown> | undefined)?.then === 'function')
    return 'a promise (a reward cannot be async)';
  return typeof value === 'string' ? `the string ${JSON.stringify(value)}` : String(value);
}
