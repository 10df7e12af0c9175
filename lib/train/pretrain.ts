/**
 * Pretraining of a base model on perception: for each image several short conversations, packed into one row that encodes
 * the image once; each conversation sees the image and itself alone.
 */
import type { ProcessedImage, Row } from '../model/batch.js';
import type { Qwen2VLConfig } from '../model/configuration.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from './adamw.js';
import { likelihoodStep } from './likelihood.js';
import { likelihoodGradients } from './likelihood-update.js';
import { runLoop, type StepListener } from './loop.js';
import type { Metrics, RunDirectory } from './run-directory.js';
import { learningRateAt, type Schedule } from './schedule.js';
import { tokensBefore } from './sft.js';

/** One image with the conversations about it. */
export interface PretrainingRow {
  images: readonly ProcessedImage[];
  /** Tokens up to where the conversations part: the opening of the user's turn and the image. */
  prefix: readonly number[];
  /** The rest of each conversation: what is asked, then what is answered. */
  conversations: readonly { question: readonly number[]; answer: readonly number[] }[];
}

export interface PretrainingSettings {
  steps: number;
  schedule: Schedule;
  /** Decoupled weight decay on matrices. */
  weightDecay: number;
}

/**
 * Trains all of `parameters`, replaced in place. Metrics as in supervised fine-tuning.
 *
 * @param rowsOf the rows of step `index`, a function of the index alone
 * @throws TrainingStopped when interrupted; the same call goes on
 */
export async function pretrain(options: {
  config: Qwen2VLConfig;
  parameters: TensorMap;
  rowsOf: (index: number) => PretrainingRow[];
  settings: PretrainingSettings;
  run: RunDirectory;
  checkpointEvery?: number;
  onStep?: StepListener;
}): Promise<void> {
  const { config, parameters, rowsOf, settings, run, checkpointEvery = 250, onStep } = options;
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS, beta2: 0.98, weightDecay: settings.weightDecay });
  const likelihood = likelihoodStep(config);
  let seenTokens: number | undefined;

  const step = async (index: number): Promise<Metrics> => {
    const rows = rowsOf(index).map(packedRow);
    const tensors = { trainable: parameters, frozen: {} };
    const { gradients, metrics, tokens } = likelihoodGradients(likelihood, tensors, [rows], config, { lengthStep: 64 });
    seenTokens = (seenTokens ?? tokensBefore(run, index)) + tokens;
    const learningRate = learningRateAt(settings.schedule, index, settings.steps);
    return {
      ...metrics,
      num_tokens: seenTokens,
      learning_rate: learningRate,
      grad_norm: optimizer.apply(parameters, gradients, learningRate),
    };
  };

  try {
    await runLoop({ run, steps: settings.steps, checkpointEvery, trainable: parameters, optimizer, step, onStep });
  } finally {
    optimizer.dispose();
    likelihood.dispose();
  }
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
