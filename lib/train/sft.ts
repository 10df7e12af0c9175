/** Supervised fine-tuning on prompts and completions: cross-entropy of the completion's tokens alone. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../engine/random.js';
import { collate, disposeBatch, type Row } from '../model/batch.js';
import type { EncodedPrompt } from '../model/generate.js';
import type { Model } from '../model/model.js';
import { isVisionParameter } from '../model/parameters.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from './adamw.js';
import { likelihoodStep } from './likelihood.js';
import { type LoopControl, runLoop } from './loop.js';
import type { Metrics, RunDirectory } from './run-directory.js';
import { checkSchedule, learningRateAt, type Schedule } from './schedule.js';

/** One sample: a prompt and the tokens that should follow, the end token included. */
export interface SftExample {
  prompt: EncodedPrompt;
  completion: readonly number[];
}

export interface SftSettings {
  /** Passes over the examples; may be a fraction. */
  epochs: number;
  /** Examples a step. The paper: 16. */
  batchSize: number;
  schedule: Schedule;
  /** Decoupled weight decay on matrices. The paper: 0.1. */
  weightDecay: number;
  /** Leaves the vision tower and its merger as they are, as the paper does in this phase. */
  freezeVision: boolean;
  /** Seed of the order of examples. */
  seed: number;
}

/** Number of optimizer steps of a run. */
export function sftSteps(examples: number, { epochs, batchSize }: Pick<SftSettings, 'epochs' | 'batchSize'>): number {
  return Math.max(1, Math.round((examples * epochs) / batchSize));
}

/** @throws Error naming the setting that is impossible. */
export function checkSft(settings: SftSettings): void {
  const { batchSize, epochs, weightDecay, schedule } = settings;
  if (!(epochs > 0)) throw new Error(`sft: epochs must be above 0, got ${epochs}`);
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new Error(`sft: batchSize must be 1 or more, got ${batchSize}`);
  if (!(weightDecay >= 0)) throw new Error(`sft: weightDecay must be 0 or more, got ${weightDecay}`);
  if (!Number.isInteger(settings.seed)) throw new Error(`sft: seed must be a whole number, got ${settings.seed}`);
  checkSchedule(schedule);
}

/**
 * Trains `model` in place. Metrics a step: `loss`, `mean_token_accuracy`, `entropy`, `num_tokens` (so far), `learning_rate`,
 * `grad_norm`, `epoch`.
 *
 * @throws Error when there is nothing to train on: no examples, or a completion without tokens
 * @throws TrainingStopped when interrupted; the same call goes on
 */
export async function trainSft(
  options: {
    model: Model;
    examples: readonly SftExample[];
    settings: SftSettings;
    run: RunDirectory;
  } & LoopControl,
): Promise<void> {
  const { model, examples, settings, run } = options;
  checkSft(settings);
  if (examples.length === 0) throw new Error('sft: there are no examples to train on');
  const empty = examples.findIndex((example) => example.completion.length === 0);
  if (empty >= 0)
    throw new Error(`sft: example ${empty + 1} has no completion tokens: all of its labels would be masked`);

  const trainable = select(model.parameters, (name) => !(settings.freezeVision && isVisionParameter(name)));
  const frozen = select(model.parameters, (name) => !(name in trainable));
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, weightDecay: settings.weightDecay });
  const likelihood = likelihoodStep(model.config);
  const steps = sftSteps(examples.length, settings);
  let seenTokens: number | undefined;

  const step = async (index: number): Promise<Metrics> => {
    const chosen = batchOf(examples, index, settings);
    const rows: Row[] = chosen.map(({ prompt, completion }) => ({
      prefix: { tokens: prompt.tokens },
      images: prompt.images,
      segments: [{ tokens: completion, trained: completion.map(() => true) }],
    }));
    const collated = collate(rows, model.config);
    const targets = collated.origin.length;
    const weights = tf.tensor1d(
      Float32Array.from({ length: collated.targets.token.shape[0] }, (_, i) => (i < targets ? 1 / targets : 0)),
    );
    const { gradients, loss, correct, entropy } = likelihood({
      trainable,
      frozen,
      batch: collated.batch,
      targets: collated.targets,
      weights,
    });
    seenTokens = (seenTokens ?? tokensBefore(run, index)) + collated.tokenCount;
    const learningRate = learningRateAt(settings.schedule, index, steps);
    const metrics: Metrics = {
      loss: readScalar(loss),
      mean_token_accuracy: readScalar(correct),
      entropy: readScalar(entropy),
      num_tokens: seenTokens,
      learning_rate: learningRate,
      epoch: ((index + 1) * settings.batchSize) / examples.length,
      grad_norm: 0,
    };
    tf.dispose(weights);
    disposeBatch(collated);
    metrics.grad_norm = optimizer.apply(trainable, gradients, learningRate);
    return metrics;
  };

  try {
    const { checkpointEvery = 100, keepCheckpoints, evaluate, onStep, signal } = options;
    const control = { checkpointEvery, keepCheckpoints, evaluate, onStep, signal };
    await runLoop({ run, steps, trainable, frozen, optimizer, step, ...control });
  } finally {
    Object.assign(model.parameters, trainable);
    optimizer.dispose();
    likelihood.dispose();
  }
}

/** `num_tokens` as it stood before a step, from the run's own log: where a resumed run goes on counting. */
export function tokensBefore(run: RunDirectory, index: number): number {
  return index === 0 ? 0 : (run.metrics()[index - 1]?.num_tokens ?? 0);
}

/** The tensors whose name passes. */
export function select(parameters: TensorMap, passes: (name: string) => boolean): TensorMap {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => passes(name)));
}

/** A scalar's value; the tensor is freed. */
export function readScalar(x: tf.Tensor): number {
  const value = x.dataSync()[0] as number;
  x.dispose();
  return value;
}

/** The examples of step `index`: consecutive ones of an endless sequence of shuffled passes. */
export function batchOf<T>(
  examples: readonly T[],
  index: number,
  { batchSize, seed }: { batchSize: number; seed: number },
): T[] {
  const chosen: T[] = [];
  let order: T[] = [];
  let shuffledEpoch = -1;
  for (let k = index * batchSize; k < (index + 1) * batchSize; k++) {
    const epoch = Math.floor(k / examples.length);
    if (epoch !== shuffledEpoch) {
      order = new Random(seed, `order/${epoch}`).shuffle(examples);
      shuffledEpoch = epoch;
    }
    chosen.push(order[k % examples.length] as T);
  }
  return chosen;
}
