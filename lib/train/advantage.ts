/**
 * From rewards to group-relative advantages: how much better a completion is than the others of its prompt (Shao et al.
 * 2024, section 4.1.2).
 */

/**
 * How advantages are scaled: by the group's standard deviation (`group`, DeepSeekMath), the whole batch's (`batch`), or not
 * at all (`none`, Dr. GRPO, Liu et al. 2025, section 3).
 */
export const REWARD_SCALINGS = ['group', 'batch', 'none'] as const;
export type RewardScaling = (typeof REWARD_SCALINGS)[number];

/**
 * How several rewards become one advantage, in TRL's names. With `sum_then_normalize` their weighted sum is compared within the
 * group. With `normalize_then_sum` each reward is normalised within the group first, so that no reward drowns another (GDPO, Liu
 * et al. 2026).
 */
export const AGGREGATIONS = ['sum_then_normalize', 'normalize_then_sum'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** Added to the standard deviation, as in TRL and Reason-RFT. */
const EPSILON = 1e-4;

/** One number a completion, `[prompts][completions]`; null for a completion that the reward function does not apply to. */
export type Grouped = readonly (readonly (number | null)[])[];

export interface Advantages {
  /** One a completion, `[prompts][completions]`; 0 for a completion that no reward applies to. */
  advantages: number[][];
  /** Standard deviation (n - 1) of each group's rewards. */
  groupDeviations: number[];
  /** True for a group whose rewards are all equal: it teaches nothing. */
  dead: boolean[];
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
 * Sum of weight x reward over the functions that apply to a completion; null when none applies.
 *
 * @param rewards one table a reward function
 */
export function weightedSum(rewards: readonly Grouped[], weights: readonly number[]): (number | null)[][] {
  return (rewards[0] ?? []).map((group, p) =>
    group.map((_, g) => {
      const values = rewards.map((table) => table[p]![g]!);
      if (values.every((value) => value === null)) return null;
      return values.reduce<number>((sum, value, k) => sum + weights[k]! * (value ?? 0), 0);
    }),
  );
}

/**
 * A_i = (r_i - mean of the group) / (deviation + 1e-4).
 *
 * @param rewards each completion's reward, such as the weighted sum of several
 */
export function groupAdvantages(rewards: Grouped, scaling: RewardScaling): Advantages {
  const known = rewards.map(knownRewards);
  const groupDeviations = known.map(sampleDeviation);
  const batchDeviation = sampleDeviation(known.flat());
  const advantages = rewards.map((group, g) => {
    const centre = mean(known[g]!);
    const deviation = { group: groupDeviations[g]!, batch: batchDeviation, none: 1 - EPSILON }[scaling];
    return group.map((r) => (r === null ? 0 : (r - centre) / (deviation + EPSILON)));
  });
  return { advantages, groupDeviations, dead: groupDeviations.map(isZero) };
}

/**
 * Each reward is normalised within its group, their weighted sum over the whole batch: z_k = (r_k - mean) / (deviation +
 * 1e-4), s = sum_k w_k z_k, A = (s - mean of s) / (deviation of s + 1e-4).
 *
 * @param rewards one table a reward function
 */
export function normalizedAdvantages(rewards: readonly Grouped[], weights: readonly number[]): Advantages {
  const normalized = rewards.map((table) => {
    const { advantages } = groupAdvantages(table, 'group');
    return table.map((group, p) => group.map((r, g) => (r === null ? null : advantages[p]![g]!)));
  });
  const sums = weightedSum(normalized, weights);
  const known = sums.flatMap(knownRewards);
  const [centre, deviation] = [mean(known), sampleDeviation(known)];
  const advantages = sums.map((group) => group.map((s) => (s === null ? 0 : (s - centre) / (deviation + EPSILON))));
  const dead = sums.map((_, p) => rewards.every((table) => isZero(sampleDeviation(knownRewards(table[p]!)))));
  return {
    advantages,
    groupDeviations: weightedSum(rewards, weights).map((group) => sampleDeviation(knownRewards(group))),
    dead,
  };
}

function knownRewards(group: readonly (number | null)[]): number[] {
  return group.filter((r): r is number => r !== null);
}

function isZero(deviation: number): boolean {
  return deviation < 1e-9;
}
