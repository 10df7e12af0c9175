/**
 * Group Relative Policy Optimization (Shao et al. 2024, DeepSeekMath, algorithm 1) for vision-language models.
 *
 * Each step:
 *   1. take the next prompts and draw G completions of each from the current weights;
 *   2. score every completion with the reward functions;
 *   3. turn rewards into advantages within each group;
 *   4. take one optimizer update on the clipped policy gradient plus beta times the KL to the start checkpoint.
 *
 * A prompt and its G completions form one row whose completions share the prompt's tokens, so that image and question are
 * encoded once a group, forward and backward; the gradient is that of G separate rows.
 */
import * as tf from '@tensorflow/tfjs';
import { collate, disposeBatch, type Row } from '../model/batch.js';
import type { Completion, EncodedPrompt } from '../model/generate.js';
import type { Model } from '../model/model.js';
import { isVisionParameter } from '../model/parameters.js';
import { checkSampling, type SamplingSettings } from '../model/sampling.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from './adamw.js';
import { groupAdvantages, mean, type RewardScaling, sampleDeviation } from './advantage.js';
import { runLoop, type StepListener } from './loop.js';
import { type LossType, type PolicyLossSettings, type PolicyOutput, policyStep, tokenWeights } from './policy-loss.js';
import type { Metrics, RunDirectory } from './run-directory.js';
import { checkSchedule, learningRateAt, type Schedule } from './schedule.js';
import { batchOf, readScalar, select, tokensBefore } from './sft.js';

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
  /** From a completion's text to a number, or null where it does not apply. */
  reward: (completion: string, row: { solution: string }) => number | null;
}

export interface GrpoSettings extends SamplingSettings {
  steps: number;
  /** Prompts a step. The paper: 14. */
  promptsPerStep: number;
  /** G, completions a prompt. The paper: 8. */
  completions: number;
  maxNewTokens: number;
  schedule: Schedule;
  /** Weight of the KL to the start checkpoint; 0 loads no reference. The paper: 0.04. */
  beta: number;
  epsilonLow: number;
  epsilonHigh: number;
  lossType: LossType;
  scaling: RewardScaling;
  /** Updates on each rollout; 1 as in the paper, then the ratio is 1 and nothing is clipped. */
  updatesPerRollout: number;
  /** Prompts whose forward and backward pass runs at once: memory against speed, never the result. */
  promptsPerMicroBatch: number;
  /** Leaves the vision tower as it is; the paper trains all weights in this phase. */
  freezeVision: boolean;
  seed: number;
}

/** The paper's settings where they do not depend on the model's size, with one step's worth of sampling options. */
export const REASON_RFT_GRPO = {
  promptsPerStep: 14,
  completions: 8,
  beta: 0.04,
  epsilonLow: 0.2,
  epsilonHigh: 0.2,
  temperature: 0.9,
  topP: 0.9,
  topK: 50,
  maxNewTokens: 512,
  lossType: 'grpo',
  scaling: 'group',
  updatesPerRollout: 1,
  freezeVision: false,
} as const satisfies Partial<GrpoSettings>;

/** One completion as it is logged in `completions.jsonl`. */
export interface LoggedCompletion {
  step: number;
  id: string;
  solution: string;
  completion: string;
  rewards: { [name: string]: number | null };
  reward: number;
  advantage: number;
  tokens: number;
  ended: boolean;
}

/** @throws Error naming the setting that is impossible. */
export function checkGrpo(settings: GrpoSettings): void {
  checkSampling(settings);
  checkSchedule(settings.schedule);
  const { lossType, scaling, seed } = settings;
  if (!['grpo', 'bnpo', 'dr_grpo', 'dapo'].includes(lossType)) {
    throw new Error(`grpo: lossType must be grpo, bnpo, dr_grpo or dapo, got '${lossType}'`);
  }
  if (!['group', 'batch', 'none'].includes(scaling)) {
    throw new Error(`grpo: scaling must be group, batch or none, got '${scaling}'`);
  }
  if (!Number.isInteger(seed)) throw new Error(`grpo: seed must be a whole number, got ${seed}`);
  const whole: (keyof GrpoSettings)[] = [
    'steps',
    'promptsPerStep',
    'maxNewTokens',
    'updatesPerRollout',
    'promptsPerMicroBatch',
  ];
  for (const name of whole) {
    const value = settings[name] as number;
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`grpo: ${name} must be a whole number of 1 or more, got ${value}`);
  }
  if (!Number.isInteger(settings.completions) || settings.completions < 2) {
    throw new Error(
      `grpo: completions (the group size) must be 2 or more, got ${settings.completions}: one has nothing to compare with`,
    );
  }
  if (settings.temperature === 0)
    throw new Error('grpo: temperature 0 makes all completions of a group equal; take one above 0');
  if (!(settings.beta >= 0)) throw new Error(`grpo: beta must be 0 or more, got ${settings.beta}`);
  if (!(settings.epsilonLow > 0 && settings.epsilonLow < 1))
    throw new Error(`grpo: epsilonLow must lie in (0, 1), got ${settings.epsilonLow}`);
  if (!(settings.epsilonHigh > 0)) throw new Error(`grpo: epsilonHigh must be above 0, got ${settings.epsilonHigh}`);
}

/** What a step's rollout gave. */
interface Rollout {
  examples: GrpoExample[];
  completions: Completion[][];
  advantages: number[][];
}

/**
 * Trains `model` in place. Metrics a step, in the field's names: `loss`, `reward` (mean of the weighted sum), `reward_std`
 * (mean of the groups' deviations, as Reason-RFT; TRL's is over the batch), `rewards/{name}/mean` and `/std`,
 * `frac_reward_zero_std`, `kl`, `entropy`, `completions/...`, `clip_ratio/...`, `learning_rate`, `grad_norm`, `num_tokens`,
 * `epoch`.
 *
 * With one update a rollout the ratio is 1, so the advantages cancel and the printed loss is about beta x KL; its gradient
 * is not zero. Watch the reward, not the loss.
 *
 * @throws TrainingStopped when interrupted; the same call goes on
 */
export async function trainGrpo(options: {
  model: Model;
  examples: readonly GrpoExample[];
  rewards: readonly NamedReward[];
  settings: GrpoSettings;
  run: RunDirectory;
  checkpointEvery?: number;
  onStep?: StepListener;
  signal?: AbortSignal;
}): Promise<void> {
  const { model, examples, rewards, settings, run } = options;
  checkGrpo(settings);
  if (examples.length === 0) throw new Error('grpo: there are no prompts to train on');
  if (rewards.length === 0) throw new Error('grpo: there is no reward function');

  const { schedule, beta, steps } = settings;
  const reference: TensorMap = beta > 0 ? { ...model.parameters } : {};
  const referenceTensors = new Set(Object.values(reference));
  const trainable = select(model.parameters, (name) => !(settings.freezeVision && isVisionParameter(name)));
  const frozen = select(model.parameters, (name) => !(name in trainable));
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS });
  const policy = policyStep(model.config, lossSettings(settings));
  let seenTokens: number | undefined;

  const step = async (index: number): Promise<Metrics> => {
    const rollout = rollOut(index);
    run.append('completions.jsonl', rollout.log);
    seenTokens = (seenTokens ?? tokensBefore(run, index)) + rollout.metrics.num_tokens!;
    const learningRate = learningRateAt(schedule, index, steps);
    let old: Float32Array[] | undefined;
    let update: { metrics: Metrics; logProbs: Float32Array[] } | undefined;
    for (let k = 0; k < settings.updatesPerRollout; k++) {
      update = updatePolicy(rollout, old, learningRate);
      old ??= update.logProbs;
    }
    const epoch = ((index + 1) * settings.promptsPerStep) / examples.length;
    return { ...update!.metrics, ...rollout.metrics, num_tokens: seenTokens, learning_rate: learningRate, epoch };
  };

  const rollOut = (index: number): Rollout & { metrics: Metrics; log: LoggedCompletion[] } => {
    const chosen = batchOf(examples, index, { batchSize: settings.promptsPerStep, seed: settings.seed });
    const completions = model.generator.generate(
      { ...frozen, ...trainable },
      chosen.map((example) => example.prompt),
      settings,
      // The step is in the name: the same prompt drawn again later gets other numbers.
      chosen.map((_, p) => `step ${index}/prompt ${p}`),
    );
    const texts = completions.map((group) => group.map((each) => model.tokenizer.decode(withoutEnd(each))));
    const perReward = rewards.map(({ reward }) =>
      texts.map((group, p) => group.map((text) => reward(text, { solution: chosen[p]!.solution }))),
    );
    const total = texts.map((group, p) =>
      group.map((_, g) =>
        weightedSum(
          rewards,
          perReward.map((all) => all[p]![g]!),
        ),
      ),
    );
    const { advantages, groupDeviations, deadFraction } = groupAdvantages(total, settings.scaling);
    const log = chosen.flatMap((example, p) =>
      texts[p]!.map((text, g): LoggedCompletion => {
        const each = completions[p]![g]!;
        return {
          step: index,
          id: example.id,
          solution: example.solution,
          completion: text,
          rewards: Object.fromEntries(rewards.map(({ name }, r) => [name, perReward[r]![p]![g]!])),
          reward: total[p]![g] ?? 0,
          advantage: advantages[p]![g]!,
          tokens: each.tokens.length,
          ended: each.ended,
        };
      }),
    );
    const metrics: Metrics = {
      reward: mean(total.flat().map((r) => r ?? 0)),
      reward_std: mean(groupDeviations),
      frac_reward_zero_std: deadFraction,
      ...lengthMetrics(completions.flat()),
      num_tokens: tokenTotal(chosen, completions),
    };
    rewards.forEach(({ name }, r) => {
      const known = perReward[r]!.flat().filter((x): x is number => x !== null);
      metrics[`rewards/${name}/mean`] = mean(known);
      metrics[`rewards/${name}/std`] = sampleDeviation(known);
    });
    return { examples: chosen, completions, advantages, metrics, log };
  };

  /** One optimizer update over all micro-batches of a rollout; the log-probabilities of each before it. */
  const updatePolicy = (rollout: Rollout, old: Float32Array[] | undefined, learningRate: number) => {
    const lengths = rollout.completions.flat().map((each) => each.tokens.length);
    const weights = tokenWeights(settings.lossType, lengths, settings.maxNewTokens);
    const completionTokens = lengths.reduce((a, b) => a + b, 0);
    const sums = { loss: 0, kl: 0, entropy: 0, clippedLow: 0, clippedHigh: 0 };
    const logProbs: Float32Array[] = [];
    let gradients: TensorMap | undefined;
    const size = settings.promptsPerMicroBatch;
    for (let first = 0, m = 0; first < rollout.examples.length; first += size, m++) {
      const groups = rollout.examples.slice(first, first + size).map((_, i) => first + i);
      const rows: Row[] = groups.map((p) => ({
        prefix: { tokens: rollout.examples[p]!.prompt.tokens },
        images: rollout.examples[p]!.prompt.images,
        segments: rollout.completions[p]!.map(({ tokens }) => ({ tokens, trained: tokens.map(() => true) })),
      }));
      const collated = collate(rows, model.config, { lengthStep: 128 });
      const perTarget = (value: (prompt: number, completion: number) => number) => {
        const values = new Float32Array(collated.targets.token.shape[0]);
        collated.origin.forEach(({ row, segment }, i) => {
          values[i] = value(groups[row]!, segment);
        });
        return tf.tensor1d(values);
      };
      const input = {
        advantages: perTarget((p, g) => rollout.advantages[p]![g]!),
        weights: perTarget((p, g) => weights[p * settings.completions + g]!),
        shares: perTarget(() => 1 / completionTokens),
        ...(old ? { old: tf.tensor1d(old[m]!) } : {}),
      };
      const out: PolicyOutput = policy({
        trainable,
        frozen,
        reference,
        batch: collated.batch,
        targets: collated.targets,
        ...input,
      });
      gradients = addGradients(gradients, out.gradients);
      sums.loss += readScalar(out.loss);
      sums.kl += readScalar(out.kl);
      sums.entropy += readScalar(out.entropy);
      sums.clippedLow += readScalar(out.clippedLow);
      sums.clippedHigh += readScalar(out.clippedHigh);
      logProbs.push(out.logProbs.dataSync() as Float32Array);
      tf.dispose([out.logProbs, ...Object.values(input)]);
      disposeBatch(collated);
    }
    const norm = optimizer.apply(trainable, gradients!, learningRate, referenceTensors);
    const metrics: Metrics = {
      loss: sums.loss,
      entropy: sums.entropy,
      'clip_ratio/low_mean': sums.clippedLow,
      'clip_ratio/high_mean': sums.clippedHigh,
      'clip_ratio/region_mean': sums.clippedLow + sums.clippedHigh,
      grad_norm: norm,
    };
    if (beta > 0) metrics.kl = sums.kl;
    return { metrics, logProbs };
  };

  try {
    const { checkpointEvery = 20, onStep, signal } = options;
    const files = ['completions.jsonl'];
    await runLoop({
      run,
      steps,
      checkpointEvery,
      trainable,
      keep: referenceTensors,
      optimizer,
      step,
      files,
      onStep,
      signal,
    });
  } finally {
    Object.assign(model.parameters, trainable);
    const live = new Set(Object.values(model.parameters));
    tf.dispose([...referenceTensors].filter((tensor) => !live.has(tensor)));
    optimizer.dispose();
    policy.dispose();
  }
}

function lossSettings({ epsilonLow, epsilonHigh, beta }: GrpoSettings): PolicyLossSettings {
  // Reason-RFT takes log-probabilities without temperature.
  return { epsilonLow, epsilonHigh, beta, temperature: 1 };
}

/** Tokens of a rollout: each prompt once, and all completions. */
function tokenTotal(examples: readonly GrpoExample[], completions: readonly (readonly Completion[])[]): number {
  const prompts = examples.reduce((sum, { prompt }) => sum + prompt.tokens.length, 0);
  return completions.flat().reduce((sum, { tokens }) => sum + tokens.length, prompts);
}

/** The completion's tokens without its end token, for reading. */
function withoutEnd({ tokens, ended }: Completion): number[] {
  return ended ? tokens.slice(0, -1) : tokens;
}

/** Sum of weight x reward over the functions that apply; null where none does. */
function weightedSum(rewards: readonly NamedReward[], values: readonly (number | null)[]): number | null {
  if (values.every((value) => value === null)) return null;
  return values.reduce<number>((sum, value, i) => sum + rewards[i]!.weight * (value ?? 0), 0);
}

function addGradients(sum: TensorMap | undefined, next: TensorMap): TensorMap {
  if (!sum) return next;
  const added: TensorMap = {};
  for (const name of Object.keys(next)) {
    added[name] = tf.add(sum[name]!, next[name]!);
    tf.dispose([sum[name]!, next[name]!]);
  }
  return added;
}

function lengthMetrics(completions: readonly Completion[]): Metrics {
  const lengths = completions.map((each) => each.tokens.length);
  const ended = completions.filter((each) => each.ended).map((each) => each.tokens.length);
  return {
    'completions/mean_length': mean(lengths),
    'completions/min_length': Math.min(...lengths),
    'completions/max_length': Math.max(...lengths),
    'completions/clipped_ratio': 1 - ended.length / completions.length,
    'completions/mean_terminated_length': mean(ended),
    'completions/min_terminated_length': ended.length === 0 ? 0 : Math.min(...ended),
    'completions/max_terminated_length': ended.length === 0 ? 0 : Math.max(...ended),
  };
}
