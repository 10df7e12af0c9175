/**
 * Validation: how well a model answers held-out items while it trains, by the task's own metric, with the reward beside it. A
 * reward that rises while accuracy falls is being gamed. The best checkpoint is therefore that of the highest accuracy, whatever
 * its reward.
 */
import { checkBounds } from '../../engine/bounds.js';
import { checkNames } from '../../engine/names.js';
import { type EvaluationItem, evaluateModel } from '../../evaluate/evaluate.js';
import { meanPassAtK } from '../../evaluate/pass-at-k.js';
import type { Completion } from '../../model/completion.js';
import { type Deferred, preparePrompts } from '../../model/deferred-prompt.js';
import { completionText, type Model } from '../../model/model.js';
import { checkSampling, type SamplingSettings } from '../../model/sampling.js';
import type { ModelWeights } from '../../model/tensors.js';
import { type Scorer, scoreCompletion } from '../../rewards/scorer.js';
import { mean, weightedSum } from '../../train/advantage.js';
import type { EvaluationSchedule } from '../../train/loop.js';
import type { Metrics } from '../../train/metrics.js';
import { type NamedReward, REWARD_DEFAULTS, type RewardSettings } from '../../train/named-reward.js';
import { refuseImages, rewardMetrics, scoreCompletions } from '../../train/score-completions.js';
import { encodeQuestions } from './encode-rows.js';
import type { QuestionRow } from './prepared-rows.js';

/** How a model is evaluated on held-out rows while it trains. */
export interface ValidationSettings extends SamplingSettings {
  /** Steps between evaluations; the model is also evaluated after the last step. 0: never. */
  evaluateEvery: number;
  /** Number of held-out items. */
  items: number;
  /** k: completions sampled of each item, for pass@k and the mean reward. */
  samples: number;
  /** Longest completion in tokens. */
  maxNewTokens: number;
}

/** Every setting; the compiler asks for each. */
const FIELDS: { readonly [name in keyof ValidationSettings]: true } = {
  evaluateEvery: true,
  items: true,
  samples: true,
  maxNewTokens: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
};

/** @throws Error naming a setting that does not exist, with the nearest one that does, or one that is missing */
export function checkValidationNames(settings: ValidationSettings): void {
  checkNames(settings, Object.keys(FIELDS), 'setting', 'validation: ');
}

/** Checks the settings. @throws Error naming the setting that is impossible, does not exist or is missing */
export function checkValidation(settings: ValidationSettings): void {
  checkValidationNames(settings);
  checkBounds(settings, 'validation: ');
  checkSampling(settings);
  for (const [name, least] of [
    ['evaluateEvery', 0],
    ['items', 1],
    ['samples', 1],
    ['maxNewTokens', 1],
  ] as const) {
    if (!Number.isInteger(settings[name]) || settings[name] < least)
      throw new Error(`validation: ${name} must be a whole number of ${least} or more, got ${settings[name]}`);
  }
  if (settings.temperature === 0)
    throw new Error('validation: temperature 0 makes all samples of an item equal; take one above 0');
}

/** The number of completions that are sampled together. */
const BATCH = 128;

/** How and on which items a model is validated, and the functions that judge its completions. */
export interface ValidationOptions {
  settings: ValidationSettings;
  /** Prompts that the model is neither trained nor tested on. */
  items: readonly Deferred<EvaluationItem>[];
  /** The rewards that the run trains on; default: none. */
  rewards?: readonly NamedReward[];
  /** How they are asked; default: `REWARD_DEFAULTS`. */
  rewardSettings?: RewardSettings;
  /** Scores a completion against the gold answer; the task's own scorer. */
  score: Scorer;
}

/**
 * Makes the evaluation that trainers take as `evaluate`. After each evaluation the step's metrics hold
 *
 * - `eval_accuracy`: mean score of greedy completions, by the task's own scorer. It is the score of the checkpoint;
 * - `eval_format`: share of greedy completions in the tags that the prompt asks for;
 * - `eval_pass@1` and `eval_pass@k`: of k sampled completions an item, the share that is right, and the share of items with
 *   one right or more. A pass@k that falls while pass@1 rises is a policy that narrows;
 * - `eval_reward`, `eval_rewards/{name}/mean` and the other metrics of rewards: of the sampled completions, when there are rewards.
 *
 * The draws are the same at each evaluation (a seed of their own), so that differences are the model's.
 *
 * @returns undefined when `evaluateEvery` is 0
 * @throws Error naming an impossible setting
 */
export function scheduleValidation({
  model,
  items,
  settings,
  rewards = [],
  rewardSettings = REWARD_DEFAULTS,
  score,
}: { model: Model } & ValidationOptions): EvaluationSchedule | undefined {
  checkValidation(settings);
  if (settings.evaluateEvery === 0) return undefined;
  if (items.length === 0) throw new Error('validation: there are no held-out items');
  const { maxNewTokens } = settings;
  const measure = async (parameters: ModelWeights) => {
    const greedy = await evaluateModel({ ...model, parameters }, items, { maxNewTokens, score });
    const { accuracy, formatted } = greedy;
    const samples = await sampleItems(model, parameters, items, settings);
    const isRight = await Promise.all(
      samples.map(({ item, texts }) =>
        Promise.all(texts.map(async (text) => (await scoreCompletion(score, text, item.row)) === 1)),
      ),
    );
    const metrics: Metrics = { accuracy, format: formatted, 'pass@1': meanPassAtK(isRight, 1) };
    if (settings.samples > 1) metrics[`pass@${settings.samples}`] = meanPassAtK(isRight, settings.samples);
    Object.assign(metrics, await measureRewards(rewards, samples, rewardSettings));
    return { metrics, score: accuracy };
  };
  return { every: settings.evaluateEvery, measure };
}

/** Does the same on prepared rows, for a model that is loaded later. */
export function scheduleValidationOnRows({
  rows,
  ...options
}: Omit<ValidationOptions, 'items'> & { rows: readonly QuestionRow[] }): (
  model: Model,
) => EvaluationSchedule | undefined {
  return (model) => scheduleValidation({ model, items: encodeQuestions(model, rows), ...options });
}

/** The completions that were drawn of an item, with their texts. */
interface ItemSamples {
  item: EvaluationItem;
  /** The chat as the model read it, without special tokens. */
  prompt: string;
  completions: Completion[];
  texts: string[];
}

/** Draws `samples` completions of each item. */
async function sampleItems(
  model: Model,
  parameters: ModelWeights,
  items: readonly Deferred<EvaluationItem>[],
  settings: ValidationSettings,
): Promise<ItemSamples[]> {
  const drawn: ItemSamples[] = [];
  const size = Math.max(1, Math.floor(BATCH / settings.samples));
  for (let first = 0; first < items.length; first += size) {
    await new Promise((resolve) => setImmediate(resolve));
    const batch = await preparePrompts<EvaluationItem>(items.slice(first, first + size));
    const groups = model.generator.generate(
      parameters,
      batch.map((item) => item.prompt),
      { ...settings, completions: settings.samples, seed: 0 },
      batch.map((item) => `validation/${item.id}`),
    );
    batch.forEach((item, i) => {
      const completions = groups[i]!;
      const texts = completions.map((completion) => completionText(model, completion));
      const prompt = model.tokenizer.decode(item.prompt.tokens, { skipSpecial: true });
      drawn.push({ item, prompt, completions, texts });
    });
  }
  return drawn;
}

/** The mean of the weighted sum, and the metrics of each reward, as a step of training logs them. */
async function measureRewards(
  rewards: readonly NamedReward[],
  samples: readonly ItemSamples[],
  settings: RewardSettings,
): Promise<Metrics> {
  if (rewards.length === 0) return {};
  const questions = samples.flatMap(({ item, prompt, texts, completions }) =>
    texts.map((completion, g) => ({
      completion,
      row: item.row,
      prompt,
      group: texts,
      tokens: completions[g]!.tokens.length,
      cut: !completions[g]!.ended,
      step: Infinity,
      randomKey: `validation/${item.id}/${g}`,
      images: item.images ?? refuseImages,
    })),
  );
  const scores = await scoreCompletions(rewards, questions, settings);
  const weights = rewards.map(({ weight }) => weight);
  const sums = weightedSum(
    scores.map(({ values }) => [values]),
    weights,
  );
  const known = sums[0]!.filter((sum) => sum !== null);
  return { ...(known.length === 0 ? {} : { reward: mean(known) }), ...Object.assign({}, ...scores.map(rewardMetrics)) };
}
