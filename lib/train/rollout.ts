/** The rollout of a step: completions drawn from the current policy, their rewards and advantages. */

import { Random } from '../engine/random.js';
import { type Deferred, preparePrompts } from '../model/deferred-prompt.js';
import type { Completion, EncodedPrompt } from '../model/generate.js';
import type { Model } from '../model/model.js';
import type { RewardFunction } from '../rewards/reward.js';
import type { TensorMap } from './adamw.js';
import {
  type Advantages,
  groupAdvantages,
  mean,
  normalizedAdvantages,
  sampleDeviation,
  weightedSum,
} from './advantage.js';
import { batchOf } from './batches.js';
import type { LoggedCompletion } from './completions.js';
import type { GrpoSettings } from './grpo-settings.js';
import type { Metrics } from './metrics.js';

/** A prompt with what its reward functions need to know. */
export interface GrpoExample {
  /** The record's id, for the log of completions. */
  id: string;
  prompt: EncodedPrompt;
  /** The gold answer. */
  solution: string;
}

/** A reward function, the name under which it is logged, and its weight in the sum. */
export interface NamedReward {
  name: string;
  weight: number;
  reward: RewardFunction;
}

/** Groups of completions with their advantages, which the policy trains on. */
export interface Rollout {
  examples: GrpoExample[];
  /** `[prompts][G]`. */
  completions: Completion[][];
  /** `[prompts][G]`. */
  advantages: number[][];
}

/** A prompt, its completions, their texts and each reward function's numbers for them. */
interface Group {
  example: GrpoExample;
  prompt: string;
  completions: Completion[];
  texts: string[];
  /** `[functions][G]`. */
  rewards: (number | null)[][];
}

/** What a step draws its completions from. */
export interface RolloutOptions {
  model: Model;
  /** The current policy's. */
  parameters: TensorMap;
  examples: readonly Deferred<GrpoExample>[];
  rewards: readonly NamedReward[];
  settings: GrpoSettings;
  /** The first is 0. */
  step: number;
}

/**
 * Draws the completions of one step, scores them and compares them within their groups.
 *
 * With `resamplingRounds`, groups whose rewards are all equal are replaced by groups of fresh prompts, drawn from a stream
 * of the seed, the step and the round, as long as dead groups and rounds are left. The rewards and lengths reported are
 * those of the prompts drawn first; the numbers of the groups that stay would flatter the policy.
 */
export async function rollOut(
  options: RolloutOptions,
): Promise<{ rollout: Rollout; metrics: Metrics; log: LoggedCompletion[] }> {
  const { examples, rewards, settings, step } = options;
  const first = await draw(
    options,
    batchOf(examples, step, { batchSize: settings.promptsPerStep, seed: settings.seed }),
    0,
  );
  const groups = [...first];
  const drawn = [...first];
  let { dead } = compare(groups, rewards, settings);
  const metrics: Metrics = {
    ...rewardMetrics(first, rewards, settings),
    ...lengthMetrics(first.flatMap((group) => group.completions)),
  };
  for (let round = 1; round <= settings.resamplingRounds && dead.includes(true); round++) {
    const used = new Set(drawn.map((group) => group.example.id));
    const places = dead.flatMap((isDead, p) => (isDead ? [p] : []));
    const unused = examples.filter((example) => !used.has(example.id));
    const fresh = new Random(settings.seed, `refill/${step}/${round}`).shuffle(unused).slice(0, places.length);
    if (fresh.length === 0) break;
    const replacements = await draw(options, fresh, round);
    drawn.push(...replacements);
    replacements.forEach((group, i) => {
      groups[places[i]!] = group;
    });
    dead = compare(groups, rewards, settings).dead;
  }
  if (settings.resamplingRounds > 0) {
    metrics['dynamic_sampling/drawn'] = drawn.length / first.length;
    metrics['dynamic_sampling/dead'] = mean(dead.map(Number));
  }
  metrics.num_tokens = drawn.reduce((sum, group) => sum + groupTokens(group), 0);
  const { advantages } = compare(groups, rewards, settings);
  const log = drawn.flatMap((group) => {
    const place = groups.indexOf(group);
    return logGroup(group, rewards, step, place < 0 ? undefined : advantages[place]);
  });
  const rollout = {
    examples: groups.map((group) => group.example),
    completions: groups.map((g) => g.completions),
    advantages,
  };
  return { rollout, metrics, log };
}

/** Draws completions of the prompts, from random streams that the step, the round and the prompt's place name. */
async function draw(
  { model, parameters, rewards, settings, step }: RolloutOptions,
  deferred: readonly Deferred<GrpoExample>[],
  round: number,
): Promise<Group[]> {
  const prompts = await preparePrompts<GrpoExample>(deferred);
  // The step is in the name: the same prompt drawn again later gets other numbers.
  const streams = prompts.map((_, p) => `step ${step}/${round === 0 ? '' : `round ${round}/`}prompt ${p}`);
  const completions = model.generator.generate(
    parameters,
    prompts.map((example) => example.prompt),
    settings,
    streams,
  );
  return prompts.map((example, p) => {
    const texts = completions[p]!.map((completion) => model.tokenizer.decode(withoutEnd(completion)));
    const place = (g: number) => `${settings.seed}/${streams[p]}/${g}`;
    const row = (g: number) => ({ solution: example.solution, draw: place(g), group: texts, step });
    const scores = rewards.map(({ reward }) => texts.map((text, g) => reward(text, row(g))));
    const prompt = model.tokenizer.decode(example.prompt.tokens, { skipSpecial: true });
    return { example, prompt, completions: completions[p]!, texts, rewards: scores };
  });
}

/** Compares the completions of each group: their advantages, by the setting `aggregation`. */
function compare(groups: readonly Group[], rewards: readonly NamedReward[], settings: GrpoSettings): Advantages {
  const tables = rewards.map((_, k) => groups.map((group) => group.rewards[k]!));
  const weights = rewards.map(({ weight }) => weight);
  return settings.aggregation === 'normalize_then_sum'
    ? normalizedAdvantages(tables, weights)
    : groupAdvantages(weightedSum(tables, weights), settings.scaling);
}

function totals(group: Group, rewards: readonly NamedReward[]): (number | null)[] {
  const weights = rewards.map(({ weight }) => weight);
  return weightedSum(
    group.rewards.map((scores) => [scores]),
    weights,
  )[0]!;
}

function rewardMetrics(groups: readonly Group[], rewards: readonly NamedReward[], settings: GrpoSettings): Metrics {
  const { groupDeviations, dead } = compare(groups, rewards, settings);
  const known = (values: readonly (number | null)[]) => values.filter((x): x is number => x !== null);
  const metrics: Metrics = {
    reward: mean(known(groups.flatMap((group) => totals(group, rewards)))),
    reward_std: mean(groupDeviations),
    frac_reward_zero_std: mean(dead.map(Number)),
  };
  rewards.forEach(({ name }, k) => {
    const values = known(groups.flatMap((group) => group.rewards[k]!));
    metrics[`rewards/${name}/mean`] = mean(values);
    metrics[`rewards/${name}/std`] = sampleDeviation(values);
  });
  return metrics;
}

function lengthMetrics(completions: readonly Completion[]): Metrics {
  const lengths = completions.map(({ tokens }) => tokens.length);
  const endedLengths = completions.filter(({ ended }) => ended).map(({ tokens }) => tokens.length);
  return {
    'completions/mean_length': mean(lengths),
    'completions/min_length': Math.min(...lengths),
    'completions/max_length': Math.max(...lengths),
    'completions/clipped_ratio': 1 - endedLengths.length / completions.length,
    'completions/mean_terminated_length': mean(endedLengths),
    'completions/min_terminated_length': endedLengths.length === 0 ? 0 : Math.min(...endedLengths),
    'completions/max_terminated_length': endedLengths.length === 0 ? 0 : Math.max(...endedLengths),
  };
}

/** The number of tokens of a group: the prompt once, and all completions. */
function groupTokens({ example, completions }: Group): number {
  return completions.reduce((sum, { tokens }) => sum + tokens.length, example.prompt.tokens.length);
}

/** @param advantages absent for a dead group that was replaced */
function logGroup(
  group: Group,
  rewards: readonly NamedReward[],
  step: number,
  advantages: readonly number[] | undefined,
): LoggedCompletion[] {
  const sums = totals(group, rewards);
  return group.texts.map((text, g) => ({
    step,
    id: group.example.id,
    prompt: group.prompt,
    solution: group.example.solution,
    completion: text,
    rewards: Object.fromEntries(rewards.map(({ name }, k) => [name, group.rewards[k]![g]!])),
    reward: sums[g] ?? 0,
    advantage: advantages?.[g] ?? 0,
    tokens: group.completions[g]!.tokens.length,
    ended: group.completions[g]!.ended,
  }));
}

/** The completion's tokens without its end token, for reading. */
function withoutEnd({ tokens, ended }: Completion): number[] {
  return ended ? tokens.slice(0, -1) : tokens;
}
