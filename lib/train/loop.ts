/** The loop that every trainer runs in: resume, step, log, checkpoint, evaluate, stop at a step boundary when asked. */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../engine/backend.js';
import { peakMemory, resetPeakMemory } from '../engine/memory.js';
import { readSafetensors, writeSafetensors } from '../model/safetensors.js';
import type { AdamW, TensorMap } from './adamw.js';
import type { Metrics } from './metrics.js';
import type { BestCheckpoint, RunDirectory } from './run-directory.js';
import type { TrainingWarning } from './warnings.js';

/** Hears of each step, with the number of steps completed: a live plot or a progress bar. */
export type StepListener = (done: number, steps: number, metrics: Metrics) => void;

/** The outcome of one evaluation of the model as it trains. */
export interface TrainingEvaluation {
  /** The loop logs them with `eval_` before their names. */
  metrics: Metrics;
  /** The task's own metric; the checkpoint with the highest score is the best. Never a reward: rewards are gamed. */
  score: number;
}

/** Evaluation during training. */
export interface EvaluationSchedule {
  /** Steps between evaluations; the model is also evaluated after the last step. */
  every: number;
  /** Evaluates the parameters as they are after `done` steps; all its randomness must follow from seeds. */
  measure: (parameters: TensorMap, done: number) => Promise<TrainingEvaluation>;
}

/** The settings of a run's course, which a caller hands to any trainer. None of them changes what the model learns. */
export interface LoopControl {
  /** The loop leaves a checkpoint after every so many steps, and when it is stopped. Default: the trainer's. */
  checkpointEvery?: number;
  /** So many of the newest checkpoints stay, and the best one besides. Default: 2. */
  keepCheckpoints?: number;
  /** Default: no evaluation. */
  evaluate?: EvaluationSchedule;
  onStep?: StepListener;
  /** Hears what the metrics warn of; the run's `warnings.jsonl` holds it too. */
  onWarning?: (warning: TrainingWarning) => void;
  /** Aborting it stops the loop at the next step boundary; an interrupt (SIGINT) does the same. */
  signal?: AbortSignal;
}

export interface LoopOptions extends LoopControl {
  run: RunDirectory;
  steps: number;
  checkpointEvery: number;
  /** The parameters that move: each step replaces them in place, checkpoints save them, a resume restores them. */
  trainable: TensorMap;
  /** The parameters that stay; with those that move, the model that is evaluated. */
  frozen?: TensorMap;
  /** Tensors that a resume replaces and yet must not free: a reference model's. */
  keep?: ReadonlySet<tf.Tensor>;
  optimizer: AdamW;
  /** Further tensors that steps move, by the name of their file in a checkpoint: saved and restored in place too. */
  state?: { readonly [name: string]: TensorMap };
  /** Does step `index` (the first is 0); all its randomness must follow from seed and index. */
  step: (index: number) => Promise<Metrics>;
}

/** The loop throws this when it was stopped before its last step; the run directory holds a checkpoint to go on from. */
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
 * Runs the steps that are left. Each step leaves a line of metrics; with `evaluate`, the best checkpoint stays.
 *
 * @throws TrainingStopped when interrupted
 * @throws Error when a step or an evaluation fails or logs a number that is not finite, naming the step and the last good
 *   checkpoint
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { run, steps, checkpointEvery, evaluate, keepCheckpoints, signal } = options;
  checkInterval('checkpointEvery', checkpointEvery);
  checkInterval('keepCheckpoints', keepCheckpoints ?? 1);
  checkInterval('evaluate.every', evaluate?.every ?? 1);
  await startEngine();
  let stopRequested = signal?.aborted ?? false;
  const requestStop = () => {
    stopRequested = true;
  };
  signal?.addEventListener('abort', requestStop);
  let { done, best } = restore(options);
  const log = await run.startLog(done, keepCheckpoints);
  // A notebook kernel breaks the synchronous part of a cell on SIGINT, and a listener added in that part would leave the
  // kernel to exit at the next one; after a turn of the event loop it is safe.
  await new Promise((resolve) => setImmediate(resolve));
  process.on('SIGINT', requestStop);
  try {
    while (done < steps) {
      // The engine computes on this thread: without a pause no plot, no interrupt and no message would get through.
      await new Promise((resolve) => setImmediate(resolve));
      if (stopRequested) {
        save(options, done, best);
        throw new TrainingStopped(done, steps, run.folder);
      }
      const index = done++;
      resetPeakMemory();
      const [stepMetrics, step_time] = await timed(() =>
        attempt(run, `step ${done} of ${steps}`, async () => checkFinite(await options.step(index))),
      );
      const metrics = { ...stepMetrics };
      const times: Metrics = { step_time, peak_memory: peakMemory() };
      let improved = false;
      if (evaluate && (done % evaluate.every === 0 || done === steps)) {
        const [{ metrics: evalMetrics, score }, seconds] = await timed(() =>
          attempt(run, `the evaluation after step ${done} of ${steps}`, () => evaluateNow(options, evaluate, done)),
        );
        Object.assign(metrics, evalMetrics);
        times.eval_runtime = seconds;
        improved = best === undefined || score > best.score;
        if (improved) best = { step: done, score };
      }
      for (const warning of log.write(index, metrics, times)) options.onWarning?.(warning);
      options.onStep?.(done, steps, { ...metrics, ...times });
      if (improved || (done % checkpointEvery === 0 && done < steps)) save(options, done, best);
    }
  } finally {
    process.off('SIGINT', requestStop);
    signal?.removeEventListener('abort', requestStop);
  }
}

function checkInterval(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`training: ${name} must be a whole number of 1 or more, got ${value}`);
}

/** Does some work; gives its result and the seconds that it took. */
async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  const result = await work();
  return [result, (performance.now() - started) / 1000];
}

/** Does a part of the run. When that fails, the error says which part it was, and from where to go on. */
async function attempt<T>(run: RunDirectory, part: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const last = run.latestCheckpoint();
    const where = last ? `the last good checkpoint is ${last.folder}` : 'no checkpoint was left yet';
    throw new Error(`${part} failed: ${(error as Error).message}; ${where}`, { cause: error });
  }
}

/** @throws Error naming the first metric that is not a finite number. */
function checkFinite(metrics: Metrics): Metrics {
  const broken = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (broken) throw new Error(`the metric '${broken[0]}' is ${broken[1]}`);
  return metrics;
}

async function evaluateNow(
  { trainable, frozen }: LoopOptions,
  { measure }: EvaluationSchedule,
  done: number,
): Promise<TrainingEvaluation> {
  const { metrics, score } = await measure({ ...frozen, ...trainable }, done);
  checkFinite({ ...metrics, score });
  return { metrics: Object.fromEntries(Object.entries(metrics).map(([key, value]) => [`eval_${key}`, value])), score };
}

/** Leaves a checkpoint, unless there is one of this step. @param best the best checkpoint so far, this one included */
function save(
  { run, trainable, optimizer, state = {}, keepCheckpoints: keep }: LoopOptions,
  done: number,
  best: BestCheckpoint | undefined,
): void {
  if (run.latestCheckpoint()?.step === done) return;
  const { moments, updates } = optimizer.state();
  const count = tf.scalar(updates);
  const write = (folder: string) => {
    writeTensors(path.join(folder, 'trainable.safetensors'), trainable);
    writeTensors(path.join(folder, 'optimizer.safetensors'), { ...moments, updates: count });
    for (const [name, tensors] of Object.entries(state))
      writeTensors(path.join(folder, `${name}.safetensors`), tensors);
  };
  try {
    run.saveCheckpoint(done, write, { keep, best });
  } finally {
    count.dispose();
  }
}

/** Puts the newest checkpoint's tensors in place of those at hand. */
function restore({ run, trainable, keep, optimizer, state = {} }: LoopOptions): {
  done: number;
  best: BestCheckpoint | undefined;
} {
  const checkpoint = run.latestCheckpoint();
  if (!checkpoint) return { done: 0, best: undefined };
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
  return { done: checkpoint.step, best: checkpoint.best };
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
