/** The loop that every trainer runs in: resume, step, log, checkpoint, stop at a step boundary when asked. */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readSafetensors, writeSafetensors } from '../model/safetensors.js';
import type { AdamW, TensorMap } from './adamw.js';
import type { Metrics, RunDirectory } from './run-directory.js';

/** Called after each step, with the number of steps completed; a live plot or a progress bar. */
export type StepListener = (done: number, steps: number, metrics: Metrics) => void;

export interface LoopOptions {
  run: RunDirectory;
  steps: number;
  /** A checkpoint is left after every so many steps, and when the loop is stopped. */
  checkpointEvery: number;
  /** What moves: replaced in place by each step, saved in checkpoints, restored on resume. */
  trainable: TensorMap;
  /** Tensors that a resume must not free although it replaces them: a reference model's. */
  keep?: ReadonlySet<tf.Tensor>;
  optimizer: AdamW;
  /** Further tensors that steps move, by the name of their file in a checkpoint: saved and restored in place too. */
  state?: { readonly [name: string]: TensorMap };
  /** Does step `index` (the first is 0); all its randomness must follow from seed and index. */
  step: (index: number) => Promise<Metrics>;
  /** JSON Lines files besides the metrics that steps append to. */
  files?: readonly string[];
  onStep?: StepListener;
  /** Stops the loop at the next step boundary when aborted; an interrupt (SIGINT) does the same. */
  signal?: AbortSignal;
}

/** Thrown when a loop was stopped before its last step; the run directory holds a checkpoint to go on from. */
export class TrainingStopped extends Error {
  constructor(
    readonly done: number,
    readonly steps: number,
    folder: string,
  ) {
    super(
      `stopped after step ${done} of ${steps}; a checkpoint lies in ${folder}: run the same again to go on from it`,
    );
    this.name = 'TrainingStopped';
  }
}

/**
 * Runs the steps that are left.
 *
 * @throws TrainingStopped when interrupted
 * @throws Error from a step, with the step and the last good checkpoint named
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { run, steps, checkpointEvery, step } = options;
  const files = ['metrics.jsonl', 'timing.jsonl', ...(options.files ?? [])];
  let stop = options.signal?.aborted ?? false;
  const ask = () => {
    stop = true;
  };
  options.signal?.addEventListener('abort', ask);
  let done = restore(options);
  run.rewind(done, files);
  // A notebook kernel breaks the synchronous part of a cell on SIGINT, and a listener added in that part would leave the
  // kernel to exit at the next one; after a turn of the event loop it is safe.
  await new Promise((resolve) => setImmediate(resolve));
  process.on('SIGINT', ask);
  try {
    while (done < steps) {
      // The engine computes on this thread: without a pause no plot, no interrupt and no message would get through.
      await new Promise((resolve) => setImmediate(resolve));
      if (stop) {
        save(options, done);
        throw new TrainingStopped(done, steps, run.folder);
      }
      const started = performance.now();
      let metrics: Metrics;
      try {
        metrics = await step(done);
      } catch (error) {
        const last = run.latestCheckpoint();
        const where = last ? `the last good checkpoint is ${last.folder}` : 'no checkpoint was left yet';
        throw new Error(`step ${done + 1} of ${steps} failed: ${(error as Error).message}; ${where}`);
      }
      const step_time = (performance.now() - started) / 1000;
      run.log(done, metrics);
      // Times lie apart, so that the metrics of a run and of its repetition are the same file.
      run.append('timing.jsonl', [{ step: done, step_time } as { step: number }]);
      done++;
      options.onStep?.(done, steps, { ...metrics, step_time });
      if (done % checkpointEvery === 0 && done < steps) save(options, done);
    }
  } finally {
    process.off('SIGINT', ask);
    options.signal?.removeEventListener('abort', ask);
  }
}

function save({ run, trainable, optimizer, state = {} }: LoopOptions, done: number): void {
  if (run.latestCheckpoint()?.step === done) return;
  const { moments, updates } = optimizer.state();
  run.saveCheckpoint(done, (folder) => {
    writeTensors(path.join(folder, 'trainable.safetensors'), trainable);
    writeTensors(path.join(folder, 'optimizer.safetensors'), { ...moments, updates: tf.scalar(updates) });
    for (const [name, tensors] of Object.entries(state))
      writeTensors(path.join(folder, `${name}.safetensors`), tensors);
  });
}

/** Puts the newest checkpoint's tensors in place of those at hand; the number of steps completed. */
function restore({ run, trainable, keep, optimizer, state = {} }: LoopOptions): number {
  const checkpoint = run.latestCheckpoint();
  if (!checkpoint) return 0;
  const weights = readTensors(path.join(checkpoint.folder, 'trainable.safetensors'));
  tf.dispose(Object.values(trainable).filter((tensor) => !keep?.has(tensor)));
  Object.assign(trainable, weights);
  const { updates, ...moments } = readTensors(path.join(checkpoint.folder, 'optimizer.safetensors'));
  optimizer.restore({ moments, updates: updates!.dataSync()[0] as number });
  updates!.dispose();
  for (const [name, tensors] of Object.entries(state)) {
    tf.dispose(tensors);
    Object.assign(tensors, readTensors(path.join(checkpoint.folder, `${name}.safetensors`)));
  }
  return checkpoint.step;
}

function writeTensors(file: string, tensors: TensorMap): void {
  const entries = Object.entries(tensors).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    data: tensor.dataSync() as Float32Array,
  }));
  writeSafetensors(file, entries);
}

function readTensors(file: string): TensorMap {
  const tensors: TensorMap = {};
  for (const { name, shape, data } of readSafetensors(file)) tensors[name] = tf.tensor(data, shape, 'float32');
  return tensors;
}
