/**
 * Pretrains a base model on perception. Several short conversations about an image are packed into one row, which encodes the image once.
 * Each conversation sees the image and itself alone.
 */
import type { Row } from '../model/batch.js';
import type { ModelConfig } from '../model/configuration.js';
import type { ProcessedImage } from '../model/tensors.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from '../train/adamw.js';
import { tokensBefore } from '../train/batches.js';
import { likelihoodStep } from '../train/likelihood.js';
import { likelihoodGradients } from '../train/likelihood-update.js';
import { type LoopControl, runLoop } from '../train/loop.js';
import type { Metrics } from '../train/metrics.js';
import type { RunDirectory } from '../train/run-directory.js';
import { learningRateAt, type Schedule } from '../train/schedule.js';

/** One image with the conversations about it. */
export interface PretrainingRow {
  images: readonly ProcessedImage[];
  /** The tokens that all conversations share: the opening of the user's turn and the image. */
  prefix: readonly number[];
  /** The rest of each conversation: the question, then the answer, which alone is trained. */
  conversations: readonly { question: readonly number[]; answer: readonly number[] }[];
}

/** A phase of pretraining, with a learning-rate schedule of its own. */
export interface PretrainingPhase {
  steps: number;
  schedule: Schedule;
}

export interface PretrainingSettings {
  /** The phases, one after the other. The optimizer's state goes on (warm restarts: Loshchilov and Hutter 2017, SGDR). */
  phases: readonly PretrainingPhase[];
  /** The decoupled weight decay on matrices. */
  weightDecay: number;
}

/**
 * Trains all of `parameters`, which are replaced in place. The metrics are those of supervised fine-tuning.
 *
 * @param rowsOf the rows of a step, a function of its index alone, in micro-batches of rows of like length. How they are cut does not
 *   change the update
 * @throws TrainingStopped when interrupted; the same call goes on from there
 */
export async function pretrain(
  options: {
    config: ModelConfig;
    parameters: TensorMap;
    rowsOf: (index: number) => PretrainingRow[][];
    settings: PretrainingSettings;
    run: RunDirectory;
  } & LoopControl,
): Promise<void> {
  const { config, parameters, rowsOf, settings, run, checkpointEvery = 250, ...control } = options;
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, beta2: 0.98, weightDecay: settings.weightDecay });
  const likelihood = likelihoodStep(config);
  let seenTokens: number | undefined;

  const step = async (index: number): Promise<Metrics> => {
    const batches = rowsOf(index).map((rows) => rows.map(packedRow));
    const tensors = { trainable: parameters, frozen: {} };
    const { gradients, metrics, tokens } = likelihoodGradients(likelihood, tensors, batches, config, {
      lengthStep: 64,
    });
    seenTokens = (seenTokens ?? tokensBefore(run, index)) + tokens;
    const { phase, first } = phaseAt(settings.phases, index);
    const learningRate = learningRateAt(phase.schedule, index - first, phase.steps);
    return {
      ...metrics,
      num_tokens: seenTokens,
      learning_rate: learningRate,
      grad_norm: optimizer.apply(parameters, gradients, learningRate),
    };
  };

  try {
    const steps = settings.phases.reduce((sum, phase) => sum + phase.steps, 0);
    await runLoop({ run, steps, checkpointEvery, trainable: parameters, optimizer, step, ...control });
  } finally {
    optimizer.dispose();
    likelihood.dispose();
  }
}

/** The phase that a step belongs to, and the step that it begins with. */
export function phaseAt<P extends PretrainingPhase>(phases: readonly P[], step: number): { phase: P; first: number } {
  let first = 0;
  for (const phase of phases) {
    if (step < first + phase.steps) return { phase, first };
    first += phase.steps;
  }
  throw new Error(`pretraining: step ${step} lies behind the last phase, which ends before step ${first}`);
}

function packedRow({ images, prefix, conversations }: PretrainingRow): Row {
  return {
    prefix: { tokens: prefix },
    images,
    segments: conversations.map(({ question, answer }) => ({
      tokens: [...question, ...answer],
      trained: [...question.map(() => false), ...answer.map(() => true)],
    })),
  };
}
