/** The loop that every trainer runs in: resume, step, log, checkpoint, evaluate, stop at a step boundary when asked. */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../engine/backend.js';
import { peakMemory, resetPeakMemory } from '../engine/memory.js';
import { readSafetensors, writeSafetensors } from '../model/safetensors.js';
import type { AdamW, TensorMap } from './adamw.js';
import { describeEnvironment } from './environment.js';
import { type ScalarEvent, startEventFile } from './event-file.js';
import type { BestCheckpoint, Metrics, RunDirectory } from './run-directory.js';

/** Called after each step, with the number of steps completed; a live plot or a progress bar. */
export type StepListener = (done: number, steps: number, metrics: Metrics) => void;

/** What an evaluation of the model as it trains found. */
export interface TrainingEvaluation {
  /** Logged with `eval_` before their names. */
  metrics: Metrics;
  /** The task's own metric, by which the best checkpoint is known; more is better. Never a reward: rewards are gamed. */
  score: number;
}

/** Evaluation during training. */
export interface EvaluationSchedule {
  /** Steps between evaluations; the model is also evaluated after the last step. */
  every: number;
  /** Evaluates the parameters as they are after `done` steps; all its randomness must follow from seeds. */
  measure: (parameters: TensorMap, done: number) => Promise<TrainingEvaluation>;
}

/** What every trainer lets its caller say about the course of a run. None of it changes what is learned. */
export interface LoopControl {
  /** A checkpoint is left after every so many steps, and when the loop is stopped. Default: the trainer's. */
  checkpointEvery?: number;
  /** The newest checkpoints that stay; default 2. The best stays besides. */
  keepCheckpoints?: number;
  /** Default: none. */
  evaluate?: EvaluationSchedule;
  onStep?: StepListener;
  /** Stops the loop at the next step boundary when aborted; an interrupt (SIGINT) does the same. */
  signal?: AbortSignal;
}

export interface LoopOptions extends LoopControl {
  run: RunDirectory;
  steps: number;
  checkpointEvery: number;
  /** What moves: replaced in place by each step, saved in checkpoints, restored on resume. */
  trainable: TensorMap;
  /** The parameters that stay; with those that move, the model that is evaluated. */
  frozen?: TensorMap;
  /** Tensors that a resume must not free although it replaces them: a reference model's. */
  keep?: ReadonlySet<tf.Tensor>;
  optimizer: AdamW;
  /** Further tensors that steps move, by the name of their file in a checkpoint: saved and restored in place too. */
  state?: { readonly [name: string]: TensorMap };
  /** Does step `index` (the first is 0); all its randomness must follow from seed and index. */
  step: (index: number) => Promise<Metrics>;
  /** JSON Lines files besides the metrics that steps append to. */
  files?: readonly string[];
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
 * Runs the steps that are left. Each leaves a line of metrics; with `evaluate`, the best checkpoint is kept.
 *
 * @throws TrainingStopped when interrupted
 * @throws Error from a step or an evaluation, with the step and the last good checkpoint named; a metric that is not a
 * finite number is one
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { run, steps, checkpointEvery, evaluate, keepCheckpoints } = options;
  checkInterval('checkpointEvery', checkpointEvery);
  checkInterval('keepCheckpoints', keepCheckpoints ?? 1);
  checkInterval('evaluate.every', evaluate?.every ?? 1);
  const files = ['metrics.jsonl', 'timing.jsonl', ...(options.files ?? [])];
  const environment = describeEnvironment(await startEngine());
  let stop = options.signal?.aborted ?? false;
  const ask = () => {
    stop = true;
  };
  options.signal?.addEventListener('abort', ask);
  let { done, best } = restore(options);
  run.rewind(done, files);
  run.settleCheckpoints(keepCheckpoints);
  run.recordStart(done, environment);
  const events = startEventFile(path.join(run.folder, 'tensorboard'), scalarHistory(run));
  // A notebook kernel breaks the synchronous part of a cell on SIGINT, and a listener added in that part would leave the
  // kernel to exit at the next one; after a turn of the event loop it is safe.
  await new Promise((resolve) => setImmediate(resolve));
  process.on('SIGINT', ask);
  try {
    while (done < steps) {
      // The engine computes on this thread: without a pause no plot, no interrupt and no message would get through.
      await new Promise((resolve) => setImmediate(resolve));
      if (stop) {
        save(options, done, best);
        throw new TrainingStopped(done, steps, run.folder);
      }
      const index = done++;
      resetPeakMemory();
      const [stepped, step_time] = await timed(() =>
        attempt(run, `step ${done} of ${steps}`, async () => finite(await options.step(index))),
      );
      const metrics = { ...stepped };
      const times: Metrics = { step_time, peak_memory: peakMemory() };
      let improved = false;
      if (evaluate && (done % evaluate.every === 0 || done === steps)) {
        const [{ metrics: found, score }, seconds] = await timed(() =>
          attempt(run, `the evaluation after step ${done} of ${steps}`, () => evaluated(options, done)),
        );
        Object.assign(metrics, found);
        times.eval_runtime = seconds;
        improved = best === undefined || score > best.score;
        if (improved) best = { step: done, score };
      }
      run.log(index, metrics);
      // Times lie apart, so that the metrics of a run and of its repetition are the same file.
      const time = Date.now() / 1000;
      run.append('timing.jsonl', [{ step: index, time, ...times } as { step: number }]);
      events.add({ step: done, time, metrics: { ...metrics, ...times } });
      options.onStep?.(done, steps, { ...metrics, ...times });
      if (improved || (done % checkpointEvery === 0 && done < steps)) save(options, done, best);
    }
  } finally {
    process.off('SIGINT', ask);
    options.signal?.removeEventListener('abort', ask);
  }
}

/** What was logged so far, as TensorBoard is told: by the number of steps completed. */
function scalarHistory(run: RunDirectory): ScalarEvent[] {
  const timing = new Map(run.rows<Metrics & { step: number }>('timing.jsonl').map((row) => [row.step, row]));
  return run.metrics().map(({ step, ...metrics }) => {
    // A kill may come between the two files' lines.
    const { step: _, time = Date.now() / 1000, ...times } = timing.get(step) ?? { step };
    return { step: step + 1, time, metrics: { ...metrics, ...times } };
  });
}

function checkInterval(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`training: ${name} must be a whole number of 1 or more, got ${value}`);
}

/** What it gives, and the seconds it took. */
async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  const result = await work();
  return [result, (performance.now() - started) / 1000];
}

/** Does a part of the run; where it fails, says which, and from where to go on. */
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
function finite(metrics: Metrics): Metrics {
  const broken = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (broken) throw new Error(`the metric '${broken[0]}' is ${broken[1]}`);
  return metrics;
}

async function evaluated({ evaluate, trainable, frozen }: LoopOptions, done: number): Promise<TrainingEvaluation> {
  const { metrics, score } = await evaluate!.measure({ ...frozen, ...trainable }, done);
  finite({ ...metrics, score });
  return { metrics: Object.fromEntries(Object.entries(metrics).map(([key, value]) => [`eval_${key}`, value])), score };
}

/** @param best the best checkpoint so far, which may be the one to be saved */
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
