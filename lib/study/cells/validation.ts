/**
 * Validation: how a model does on held-out items while it trains, by the task's own metric, with the reward beside it. A
 * reward that rises while accuracy falls is being gamed; the best checkpoint is therefore known by accuracy, never by reward.
 */

import { type EvaluationItem, evaluateModel } from '../../evaluate/evaluate.js';
import { meanPassAtK } from '../../evaluate/pass-at-k.js';
import type { Model } from '../../model/model.js';
import { checkSampling, type SamplingSettings } from '../../model/sampling.js';
import { readRecords } from '../../records/records.js';
import { type Scorer, scoreAnswer } from '../../rewards/scorer.js';
import { TASKS, type TaskName, testSetsOf } from '../../tasks/tasks.js';
import type { TensorMap } from '../../train/adamw.js';
import { mean } from '../../train/advantage.js';
import type { EvaluationSchedule } from '../../train/loop.js';
import type { Metrics } from '../../train/metrics.js';
import type { NamedReward } from '../../train/rollout.js';
import { recordsFile } from '../data/data-folder.js';
import { drawValidationRows, fingerprintOf, pretrainingScenes, questionOf } from '../data/draw-rows.js';
import type { LoadedRows } from '../data/load-rows.js';
import { longestCompletion } from '../profile.js';
import type { Study } from '../workspace.js';

export interface ValidationSettings extends SamplingSettings {
  /** Steps between evaluations; the model is also evaluated after the last step. 0: never. */
  evaluateEvery: number;
  /** Held-out items. */
  items: number;
  /** k: completions sampled of each item, for pass@k and the mean reward. */
  samples: number;
  /** Longest completion in tokens. */
  maxNewTokens: number;
}

/** What a cell is validated with unless told otherwise: the profile's own sampling, 100 items, pass@4. */
export function validationSettings(
  { profile }: Study,
  changes: Partial<ValidationSettings> = {},
  task: TaskName = 'counting',
): ValidationSettings {
  const { temperature, topP, topK } = profile.grpo;
  const usual = { evaluateEvery: 10, items: 100, samples: 4, maxNewTokens: longestCompletion(profile, task) };
  return { ...usual, temperature, topP, topK, ...changes };
}

/** @throws Error naming the setting that is impossible. */
export function checkValidation(settings: ValidationSettings): void {
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

/** Completions sampled together. */
const BATCH = 128;

/**
 * What trainers take as `evaluate`. After each evaluation the step's metrics hold
 *
 * - `eval_accuracy`: mean score of greedy completions, by the task's own scorer; the score of the checkpoint;
 * - `eval_format`: share of greedy completions in the tags asked for;
 * - `eval_pass@1` and `eval_pass@k`: of k sampled completions an item, the share that is right, and the share of items with
 *   one right or more. A pass@k that falls while pass@1 rises is a policy that narrows;
 * - `eval_reward` and `eval_rewards/{name}/mean`: of the sampled completions, where there are rewards.
 *
 * The draws are the same at each evaluation (a seed of their own), so that differences are the model's.
 *
 * @param items prompts that are not trained on, nor tested on
 * @param rewards those of the training
 * @param score default: answers equal as text or as a number
 * @returns undefined where `evaluateEvery` is 0
 * @throws Error naming an impossible setting
 */
export function validation(options: {
  model: Model;
  items: readonly EvaluationItem[];
  settings: ValidationSettings;
  rewards?: readonly NamedReward[];
  score?: Scorer;
}): EvaluationSchedule | undefined {
  const { model, items, settings, rewards = [], score = scoreAnswer } = options;
  checkValidation(settings);
  if (settings.evaluateEvery === 0) return undefined;
  if (items.length === 0) throw new Error('validation: there are no held-out items');
  const measure = async (parameters: TensorMap) => {
    const greedy = await evaluateModel({ ...model, parameters }, items, settings.maxNewTokens);
    const accuracy = mean(greedy.items.map(({ completion, solution }) => score(completion, solution)));
    const samples = await sampleItems(model, parameters, items, settings);
    const right = samples.map((texts, i) => texts.map((text) => score(text, items[i]!.solution) === 1));
    const metrics: Metrics = { accuracy, format: greedy.formatted, 'pass@1': meanPassAtK(right, 1) };
    if (settings.samples > 1) metrics[`pass@${settings.samples}`] = meanPassAtK(right, settings.samples);
    Object.assign(metrics, rewardMeans(rewards, samples, items));
    return { metrics, score: accuracy };
  };
  return { every: settings.evaluateEvery, measure };
}

/** `samples` completions of each item, as text. */
async function sampleItems(
  model: Model,
  parameters: TensorMap,
  items: readonly EvaluationItem[],
  settings: ValidationSettings,
): Promise<string[][]> {
  const texts: string[][] = [];
  const size = Math.max(1, Math.floor(BATCH / settings.samples));
  for (let first = 0; first < items.length; first += size) {
    await new Promise((resolve) => setImmediate(resolve));
    const batch = items.slice(first, first + size);
    const groups = model.generator.generate(
      parameters,
      batch.map((item) => item.prompt),
      { ...settings, completions: settings.samples, seed: 0 },
      batch.map((item) => `validation/${item.id}`),
    );
    texts.push(
      ...groups.map((group) =>
        group.map(({ tokens, ended }) => model.tokenizer.decode(ended ? tokens.slice(0, -1) : tokens)),
      ),
    );
  }
  return texts;
}

/** The mean of the weighted sum, and of each reward over the completions that it applies to. */
function rewardMeans(
  rewards: readonly NamedReward[],
  samples: readonly (readonly string[])[],
  items: readonly EvaluationItem[],
): Metrics {
  if (rewards.length === 0) return {};
  const totals = samples.map((texts) => texts.map(() => 0));
  const metrics: Metrics = { reward: 0 };
  for (const { name, weight, reward } of rewards) {
    const known: number[] = [];
    samples.forEach((texts, i) => {
      texts.forEach((text, g) => {
        const { id, solution } = items[i]!;
        const value = reward(text, { solution, draw: `validation/${id}/${g}`, group: texts, step: Infinity });
        if (value === null) return;
        known.push(value);
        totals[i]![g]! += weight * value;
      });
    });
    metrics[`rewards/${name}/mean`] = mean(known);
  }
  metrics.reward = mean(totals.flat());
  return metrics;
}

/**
 * Rows of a task in domain that share no scene and no question with any set of the study, nor a scene with pretraining: what is
 * chosen by them is not chosen by the test sets. The same for every training seed.
 *
 * @throws Error where the study's rows are not drawn
 */
export function validationRows(study: Study, count: number, task: TaskName = 'counting'): LoadedRows {
  if (study.profile.released)
    throw new Error(`held-out rows are drawn, which released data have none of; validate ${task} without them`);
  const held = pretrainingScenes(study);
  for (const set of ['train', ...testSetsOf(task)] as const) {
    for (const record of readRecords(recordsFile(study, set, task))) {
      held.add(fingerprintOf(record)).add(questionOf(record));
    }
  }
  const records = drawValidationRows(task, count, held);
  return { records, images: records.map((record) => TASKS[task].draw(record)) };
}
