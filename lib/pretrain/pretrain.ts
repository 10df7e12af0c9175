/**
 * Pretraining of a base model on perception: for each image several short conversations, packed into one row that encodes
 * the image once; each conversation sees the image and itself alone.
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
  /** Tokens up to where the conversations part: the opening of the user's turn and the image. */
  prefix: readonly number[];
  /** The rest of each conversation: what is asked, then what is answered. */
  conversations: readonly { question: readonly number[]; answer: readonly number[] }[];
}

/** A stretch of a pretraining with a learning-rate schedule of its own. */
export interface PretrainingPhase {
  steps: number;
  schedule: Schedule;
}

export interface PretrainingSettings {
  /** One after the other; the optimizer's state goes on (warm restarts: Loshchilov and Hutter 2017, SGDR). */
  phases: readonly PretrainingPhase[];
  /** Decoupled weight decay on matrices. */
  weightDecay: number;
}

/**
 * Trains all of `parameters`, replaced in place. Metrics as in supervised fine-tuning.
 *
 * @param rowsOf the rows of step `index`, a function of the index alone, in micro-batches of rows that are alike; how they are cut
 *   does not change the update
 * @throws TrainingStopped when interrupted; the same call goes on
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
