/** Supervised fine-tuning on prompts and completions: only the completion's tokens have a loss. */
import { checkBounds } from '../engine/bounds.js';
import { deepFreeze } from '../engine/deep-freeze.js';
import { checkNames } from '../engine/names.js';
import type { Row } from '../model/batch.js';
import { type Deferred, preparePrompts } from '../model/deferred-prompt.js';
import type { EncodedPrompt } from '../model/generate.js';
import type { Model } from '../model/model.js';
import { ADAMW_DEFAULTS, AdamW } from './adamw.js';
import { batchOf, cutIntoRuns, partParameters, tokensBefore } from './batches.js';
import { likelihoodStep, SFT_LOSS_TYPES, type SftLossType } from './likelihood.js';
import { likelihoodGradients } from './likelihood-update.js';
import { type LoopControl, runLoop } from './loop.js';
import type { Metrics } from './metrics.js';
import { packSamples } from './packing.js';
import type { RunDirectory } from './run-directory.js';
import { checkSchedule, checkScheduleNames, learningRateAt, type Schedule } from './schedule.js';

/** One sample: a prompt and the tokens that should follow it, the end token included. */
export interface SftExample {
  prompt: EncodedPrompt;
  completion: readonly number[];
}

/** Everything that SFT does differently from run to run; `lib/train/README.md` has a table of defaults and sources. */
export interface SftSettings {
  /** The loss of a token. The paper: `nll`. */
  lossType: SftLossType;
  /** Passes over the examples; may be a fraction. */
  epochs: number;
  /** Examples an update. The paper: 16. */
  batchSize: number;
  /** Examples whose forward and backward pass runs at once. It trades memory for speed and never changes the result. */
  examplesPerMicroBatch: number;
  /** The backward pass computes each decoder layer again (Chen et al. 2016): less memory, a third more time, the same numbers. */
  gradientCheckpointing: boolean;
  /** Packs several samples into rows of at most so many tokens, where none sees another; 0: a row for each. */
  packTo: number;
  /** The learning rate over the steps. */
  schedule: Schedule;
  /** Decoupled weight decay on matrices. The paper: 0.1. */
  weightDecay: number;
  /** Leaves the vision tower and its merger as they are, as the paper does in this phase. */
  freezeVision: boolean;
  /** Seed of the order of examples. */
  seed: number;
}

/** The paper's setting of this phase (Reason-RFT, section 5 of its scripts), as the preset `reason-rft`. */
export const REASON_RFT_SFT: SftSettings = deepFreeze({
  lossType: 'nll',
  epochs: 1,
  batchSize: 16,
  examplesPerMicroBatch: 1,
  gradientCheckpointing: false,
  packTo: 0,
  schedule: { learningRate: 1e-5, warmupSteps: 100, decay: 'cosine' },
  weightDecay: 0.1,
  freezeVision: true,
  seed: 42,
});

/** Number of optimizer steps of a run. */
export function sftSteps(examples: number, { epochs, batchSize }: Pick<SftSettings, 'epochs' | 'batchSize'>): number {
  return Math.max(1, Math.round((examples * epochs) / batchSize));
}

/** @throws Error naming a setting that does not exist, with the nearest one that does, or one that is missing */
export function checkSftNames(settings: SftSettings): void {
  checkNames(settings, Object.keys(REASON_RFT_SFT), 'setting', 'sft: ');
  checkScheduleNames(settings.schedule);
}

/** Checks the settings. @throws Error naming the setting that is impossible or beyond its bound, does not exist, or is missing */
export function checkSft(settings: SftSettings): void {
  checkSftNames(settings);
  checkBounds(settings, 'sft: ');
  const { batchSize, epochs, weightDecay, schedule } = settings;
  if (!SFT_LOSS_TYPES.includes(settings.lossType))
    throw new Error(
      `sft: lossType must be one of ${SFT_LOSS_TYPES.join(', ')}, got ${JSON.stringify(settings.lossType)}`,
    );
  if (!(epochs > 0)) throw new Error(`sft: epochs must be above 0, got ${epochs}`);
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new Error(`sft: batchSize must be 1 or more, got ${batchSize}`);
  if (!Number.isInteger(settings.examplesPerMicroBatch) || settings.examplesPerMicroBatch < 1)
    throw new Error(`sft: examplesPerMicroBatch must be 1 or more, got ${settings.examplesPerMicroBatch}`);
  if (!Number.isInteger(settings.packTo) || settings.packTo < 0)
    throw new Error(`sft: packTo must be a whole number of tokens, 0 for a row each, got ${settings.packTo}`);
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
    examples: readonly Deferred<SftExample>[];
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

  const { trainable, frozen } = partParameters(model.parameters, settings);
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, weightDecay: settings.weightDecay });
  const likelihood = likelihoodStep(model.config, settings.lossType, settings.gradientCheckpointing);
  const steps = sftSteps(examples.length, settings);
  let seenTokens: number | undefined;

  const step = async (index: number): Promise<Metrics> => {
    const batch = await preparePrompts<SftExample>(batchOf(examples, index, settings));
    const microBatches = cutIntoRuns(batch, settings.examplesPerMicroBatch).map((run) => rowsOf(run, settings.packTo));
    const tensors = { trainable, frozen };
    const dropout = { seed: settings.seed, update: `step ${index}` };
    const { gradients, metrics, tokens } = likelihoodGradients(likelihood, tensors, microBatches, model.config, {
      dropout,
    });
    seenTokens = (seenTokens ?? tokensBefore(run, index)) + tokens;
    const learningRate = learningRateAt(settings.schedule, index, steps);
    return {
      ...metrics,
      num_tokens: seenTokens,
      learning_rate: learningRate,
      epoch: ((index + 1) * settings.batchSize) / examples.length,
      grad_norm: optimizer.apply(trainable, gradients, learningRate),
    };
  };

  try {
    const { checkpointEvery = 100, keepCheckpoints, evaluate, onStep, onWarning, signal } = options;
    const control = { checkpointEvery, keepCheckpoints, evaluate, onStep, onWarning, signal };
    await runLoop({ run, steps, schedule: settings.schedule, trainable, frozen, optimizer, step, ...control });
  } finally {
    Object.assign(model.parameters, trainable);
    optimizer.dispose();
    likelihood.dispose();
  }
}

/**
 * Lays examples out in rows: one each, its prompt as prefix; or packed. A packed sample is a segment of its own, which sees no
 * other and whose positions begin at 0.
 */
function rowsOf(examples: readonly SftExample[], packTo: number): Row[] {
  if (packTo === 0) {
    return examples.map(({ prompt, completion }) => ({
      prefix: { tokens: prompt.tokens },
      images: prompt.images,
      segments: [{ tokens: completion, trained: completion.map(() => true) }],
    }));
  }
  const lengths = examples.map(({ prompt, completion }) => prompt.tokens.length + completion.length);
  return packSamples(lengths, packTo).map((samples) => ({
    prefix: { tokens: [] },
    images: [],
    segments: samples.map((i) => {
      const { prompt, completion } = examples[i]!;
      return {
        tokens: [...prompt.tokens, ...completion],
        trained: [...prompt.tokens.map(() => false), ...completion.map(() => true)],
        images: prompt.images,
      };
    }),
  }));
}
