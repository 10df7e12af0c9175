/** Group-relative advantages: how much better a completion is than the others of its prompt (Shao et al. 2024, section 4.1.2). */

/**
 * How advantages are scaled: by the group's standard deviation (`group`, DeepSeekMath), the whole batch's (`batch`), or not
 * at all (`none`, Dr. GRPO, Liu et al. 2025, section 3).
 */
export type RewardScaling = 'group' | 'batch' | 'none';

/** Added to the standard deviation, as in TRL and Reason-RFT. */
const EPSILON = 1e-4;

export interface Advantages {
  /** One a completion, `[prompts][completions]`; 0 where no reward applied. */
  advantages: number[][];
  /** Standard deviation (n - 1) of each group's rewards. */
  groupDeviations: number[];
  /** Share of groups whose rewards are all equal: they teach nothing. */
  deadFraction: number;
}

/** The mean of the numbers, 0 for none. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}

/** The standard deviation with n - 1 in the denominator; 0 for fewer than two numbers. */
export function sampleDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (values.length - 1));
}

/**
 * A_i = (r_i - mean of the group) / (deviation + 1e-4).
 *
 * @param rewards `[prompts][completions]`; null where no reward function applied
 */
export function groupAdvantages(rewards: readonly (readonly (number | null)[])[], scaling: RewardScaling): Advantages {
  const known = rewards.map((group) => group.filter((r): r is number => r !== null));
  const groupDeviations = known.map(sampleDeviation);
  const batchDeviation = sampleDeviation(known.flat());
  const advantages = rewards.map((group, g) => {
    const centre = mean(known[g]!);
    const deviation = { group: groupDeviations[g]!, batch: batchDeviation, none: 1 - EPSILON }[scaling];
    return group.map((r) => (r === null ? 0 : (r - centre) / (deviation + EPSILON)));
  });
  const dead = groupDeviations.filter((deviation) => deviation < 1e-9).length;
  return { advantages, groupDeviations, deadFraction: rewards.length === 0 ? 0 : dead / rewards.length };
}
