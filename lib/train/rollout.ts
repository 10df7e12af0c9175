/** The rollout of a step: completions drawn from the current policy, their rewards and advantages. */

import { Random } from '../engine/random.js';
import type { Completion } from '../model/completion.js';
import { type Deferred, preparePrompts } from '../model/deferred-prompt.js';
import type { EncodedPrompt } from '../model/generate.js';
import { completionText, type Model } from '../model/model.js';
import type { ModelWeights } from '../model/tensors.js';
import type { RgbImage } from '../records/image.js';
import type { DataRow } from '../records/record.js';
import { type Advantages, groupAdvantages, mean, normalizedAdvantages, weightedSum } from './advantage.js';
import { batchOf } from './batches.js';
import type { LoggedCompletion } from './completions.js';
import type { GrpoSettings } from './grpo-settings.js';
import type { Metrics } from './metrics.js';
import type { NamedReward } from './named-reward.js';
import {
  joinScores,
  type RewardScores,
  refuseImages,
  rewardMetrics,
  scoreCompletions,
  sliceScores,
} from './score-completions.js';

/** A prompt, and the row that its rewards read. */
export interface GrpoExample {
  /** The row's id, for the log of completions. */
  id: string;
  prompt: EncodedPrompt;
  /** The row with all its columns; `answer` is the gold answer. */
  row: DataRow;
  /** Decodes the row's pictures, for rewards that look at them. Absent where rewards get none. */
  images?: () => Promise<readonly RgbImage[]>;
}

/** Groups of completions with their advantages, which the policy trains on. */
export interface Rollout {
  examples: GrpoExample[];
  /** `[prompts][G]`. */
  completions: Completion[][];
  /** `[prompts][G]`. */
  advantages: number[][];
}

/** A prompt, its completions, their texts and what each reward gave to them. */
interface Group {
  example: GrpoExample;
  prompt: string;
  completions: Completion[];
  texts: string[];
  /** One a reward, of G completions each. */
  scores: RewardScores[];
}

/** A completion that a reward failed for, which counts as one that the reward does not apply to. */
export interface RewardError {
  step: number;
  reward: string;
  /** The row's. */
  id: string;
  message: string;
}

/** All that the rollout of a step needs. */
export interface RolloutOptions {
  model: Model;
  /** The weights of the current policy. */
  parameters: ModelWeights;
  examples: readonly Deferred<GrpoExample>[];
  rewards: readonly NamedReward[];
  settings: GrpoSettings;
  /** The step; the first is 0. */
  step: number;
}

/**
 * Samples the completions of one step, asks the rewards about them, and computes their advantages within their groups.
 *
 * With `resamplingRounds`, groups whose rewards are all equal are replaced by groups of fresh prompts, drawn from a stream
 * of the seed, the step and the round, as long as dead groups and rounds are left. The rewards and lengths reported are
 * those of the prompts drawn first; the numbers of the groups that stay would flatter the policy.
 */
export async function rollOut(options: RolloutOptions): Promise<{
  rollout: Rollout;
  metrics: Metrics;
  log: LoggedCompletion[];
  errors: RewardError[];
  prompts: GrpoExample[];
}> {
  const { examples, rewards, settings, step } = options;
  const firstGroups = await sampleCompletions(
    options,
    batchOf(examples, step, { batchSize: settings.promptsPerStep, seed: settings.seed }),
    0,
  );
  const groups = [...firstGroups];
  const drawnGroups = [...firstGroups];
  let { dead } = advantagesOf(groups, rewards, settings);
  const metrics: Metrics = {
    ...groupMetrics(firstGroups, rewards, settings),
    ...lengthMetrics(firstGroups.flatMap((group) => group.completions)),
  };
  for (let round = 1; round <= settings.resamplingRounds && dead.includes(true); round++) {
    const used = new Set(drawnGroups.map((group) => group.example.id));
    const deadIndices = dead.flatMap((isDead, p) => (isDead ? [p] : []));
    const unused = examples.filter((example) => !used.has(example.id));
    const fresh = new Random(settings.seed, `refill/${step}/${round}`).shuffle(unused).slice(0, deadIndices.length);
    if (fresh.length === 0) break;
    const replacements = await sampleCompletions(options, fresh, round);
    drawnGroups.push(...replacements);
    replacements.forEach((group, i) => {
      groups[deadIndices[i]!] = group;
    });
    dead = advantagesOf(groups, rewards, settings).dead;
  }
  if (settings.resamplingRounds > 0) {
    metrics['dynamic_sampling/drawn'] = drawnGroups.length / firstGroups.length;
    metrics['dynamic_sampling/dead'] = mean(dead.map(Number));
  }
  metrics.num_tokens = drawnGroups.reduce((sum, group) => sum + groupTokens(group), 0);
  const { advantages } = advantagesOf(groups, rewards, settings);
  const log = drawnGroups.flatMap((group) => {
    const indexInGroups = groups.indexOf(group);
    return logGroup(group, rewards, step + 1, indexInGroups < 0 ? undefined : advantages[indexInGroups]);
  });
  const rollout = {
    examples: groups.map((group) => group.example),
    completions: groups.map((g) => g.completions),
    advantages,
  };
  const prompts = drawnGroups.map((group) => group.example);
  return { rollout, metrics, log, errors: drawnGroups.flatMap((group) => rewardErrors(group, step + 1)), prompts };
}

/** Samples completions of the prompts. The names of their random streams hold the step, the round and the prompt's index. */
async function sampleCompletions(
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
  const drawn = prompts.map((example, p) => ({
    example,
    prompt: model.tokenizer.decode(example.prompt.tokens, { skipSpecial: true }),
    completions: completions[p]!,
    texts: completions[p]!.map((completion) => completionText(model, completion)),
  }));
  const questions = drawn.flatMap(({ example, prompt, completions, texts }, p) =>
    texts.map((completion, g) => ({
      completion,
      row: example.row,
      prompt,
      group: texts,
      tokens: completions[g]!.tokens.length,
      cut: !completions[g]!.ended,
      step: step + 1,
      randomKey: `${settings.seed}/${streams[p]}/${g}`,
      images: example.images ?? refuseImages,
    })),
  );
  const scores = await scoreCompletions(rewards, questions, settings);
  return drawn.map((group, p) => {
    const [from, to] = [p * settings.completions, (p + 1) * settings.completions];
    return { ...group, scores: scores.map((ofReward) => sliceScores(ofReward, from, to)) };
  });
}

/** The advantages of each group's completions, by the setting `aggregation`. */
function advantagesOf(groups: readonly Group[], rewards: readonly NamedReward[], settings: GrpoSettings): Advantages {
  const tables = rewards.map((_, k) => groups.map((group) => group.scores[k]!.values));
  const weights = rewards.map(({ weight }) => weight);
  return settings.aggregation === 'normalize_then_sum'
    ? normalizedAdvantages(tables, weights)
    : groupAdvantages(weightedSum(tables, weights), settings.scaling);
}

/** The weighted sum of the rewards of each completion of a group. */
function weightedRewards(group: Group, rewards: readonly NamedReward[]): (number | null)[] {
  const weights = rewards.map(({ weight }) => weight);
  return weightedSum(
    group.scores.map(({ values }) => [values]),
    weights,
  )[0]!;
}

/** The metrics of rewards and advantages. Where no reward applies to any completion, there is no `reward`. */
function groupMetrics(groups: readonly Group[], rewards: readonly NamedReward[], settings: GrpoSettings): Metrics {
  const { groupDeviations, dead } = advantagesOf(groups, rewards, settings);
  const sums = groups.flatMap((group) => weightedRewards(group, rewards)).filter((sum) => sum !== null);
  return {
    ...(sums.length === 0 ? {} : { reward: mean(sums) }),
    reward_std: mean(groupDeviations),
    frac_reward_zero_std: mean(dead.map(Number)),
    ...Object.assign({}, ...rewards.map((_, k) => rewardMetrics(joinScores(groups.map((group) => group.scores[k]!))))),
  };
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

/** The group's completions for the log. @param advantages absent for a dead group that was replaced */
function logGroup(
  group: Group,
  rewards: readonly NamedReward[],
  step: number,
  advantages: readonly number[] | undefined,
): LoggedCompletion[] {
  const sums = weightedRewards(group, rewards);
  return group.texts.map((text, g) => ({
    step,
    id: group.example.id,
    prompt: group.prompt,
    solution: group.example.row.answer,
    completion: text,
    rewards: Object.fromEntries(group.scores.map(({ name, values }) => [name, values[g]!])),
    reward: sums[g]!,
    advantage: advantages?.[g] ?? 0,
    tokens: group.completions[g]!.tokens.length,
    ended: group.completions[g]!.ended,
  }));
}

/** The failures of rewards on a group's completions, for the log. @param step the first is 1 */
function rewardErrors({ example, scores }: Group, step: number): RewardError[] {
  return scores.flatMap(({ name, errors }) =>
    errors.flatMap((message) => (message === undefined ? [] : [{ step, reward: name, id: example.id, message }])),
  );
}
