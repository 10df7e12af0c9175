/** The loop that every trainer runs in: resume, step, log, checkpoint, evaluate, stop at a step boundary when asked. */
import { startEngine } from '../engine/backend.js';
import { peakMemory, resetPeakMemory } from '../engine/memory.js';
import type { ModelWeights } from '../model/tensors.js';
import type { Metrics } from './metrics.js';
import type { BestCheckpoint, RunDirectory } from './run-directory.js';
import type { Schedule } from './schedule.js';
import { checkState, readState, restoreState, type TrainingState, writeState } from './training-state.js';
import type { TrainingWarning } from './warnings.js';

/** Is called after each step with the number of steps completed: a live plot or a progress bar. */
export type StepListener = (done: number, steps: number, metrics: Metrics) => void;

/** The outcome of one evaluation of the model as it trains. */
export interface TrainingEvaluation {
  /** The loop logs them with `eval_` before their names. */
  metrics: Metrics;
  /**
   * The task's own metric; the checkpoint with the highest score is the best. Never a reward: rewards are gamed. Absent where an
   * evaluation only measures: no checkpoint is then chosen.
   */
  score?: number;
}

/** Evaluation during training. */
export interface EvaluationSchedule {
  /** Steps between evaluations; the model is also evaluated before the first step and after the last. */
  every: number;
  /** Evaluates it after 2, 4, 8, ... steps too, before the first of the others: for a curve over the logarithm of steps. Default: no. */
  doubling?: boolean;
  /** Evaluates the parameters as they are after `done` steps, 0 of them the start's; all its randomness must follow from seeds. */
  measure: (parameters: ModelWeights, done: number) => Promise<TrainingEvaluation>;
}

/** The settings of a run's course, which a caller hands to any trainer. None of them changes what the model learns. */
export interface LoopControl {
  /** Steps between checkpoints; the loop leaves one too when it is stopped. Default: the trainer's. */
  checkpointEvery?: number;
  /** The number of newest checkpoints that stay, beside the best one. Default: 2. */
  keepCheckpoints?: number;
  /** Default: no evaluation. */
  evaluate?: EvaluationSchedule;
  onStep?: StepListener;
  /** Is called with each warning that the metrics give; the run's `warnings.jsonl` holds it too. */
  onWarning?: (warning: TrainingWarning) => void;
  /** Aborting it stops the loop at the next step boundary; each of the `STOP_SIGNALS` does the same. */
  signal?: AbortSignal;
}

export interface LoopOptions extends LoopControl, TrainingState {
  run: RunDirectory;
  steps: number;
  checkpointEvery: number;
  /** The learning rate over the steps, for the warning of a run that is too short for it. */
  schedule?: Schedule;
  /** The parameters that stay; with those that move, the model that is evaluated. */
  frozen?: ModelWeights;
  /** Does step `index` (the first is 0); all its randomness must follow from seed and index. */
  step: (index: number) => Promise<Metrics>;
}

/** What asks a process to end: Ctrl-C, a cluster or the system, and a terminal that was closed. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** The loop throws this when it was stopped before its last step; the run directory holds a checkpoint to go on from. */
export class TrainingStopped extends Error {
  constructor(
    readonly done: number,
    readonly steps: number,
    folder: string,
    /** Absent when the caller stopped it. */
    readonly signal?: StopSignal,
  ) {
    super(
      `stopped after step ${done} of ${steps}; a checkpoint lies in ${folder}: run the same again to go on from it`,
    );
    this.name = 'TrainingStopped';
  }
}

/**
 * Runs the steps that are left. Each step leaves a line of metrics; with an `evaluate` that scores, the best checkpoint stays. Weights are checked
 * before they are saved, evaluated or returned, so that no checkpoint is broken.
 *
 * One process at a time trains in the folder of a run.
 *
 * @throws TrainingStopped when interrupted
 * @throws Error when another process trains in the folder; when a step or an evaluation fails, logs a number that is not finite or
 *   leaves such a weight, naming the step and the last good checkpoint
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { run, checkpointEvery, evaluate, keepCheckpoints } = options;
  checkInterval('checkpointEvery', checkpointEvery);
  checkInterval('keepCheckpoints', keepCheckpoints ?? 1);
  checkInterval('evaluate.every', evaluate?.every ?? 1);
  await startEngine();
  await run.whileLocked(() => runSteps(options));
}

async function runSteps(options: LoopOptions): Promise<void> {
  const { run, steps, checkpointEvery, evaluate, keepCheckpoints, signal } = options;
  let stopRequested = signal?.aborted ?? false;
  let stopSignal: StopSignal | undefined;
  const requestStop = () => {
    stopRequested = true;
  };
  const stopOnSignal = (name: NodeJS.Signals) => {
    stopSignal ??= name as StopSignal;
    requestStop();
  };
  signal?.addEventListener('abort', requestStop);
  let { done, best } = restore(options);
  const log = await run.startLog(done, steps, { keepCheckpoints, schedule: options.schedule });
  // A notebook kernel breaks the synchronous part of a cell on SIGINT, and a listener added in that part would leave the
  // kernel to exit at the next one; after a turn of the event loop it is safe.
  await new Promise((resolve) => setImmediate(resolve));
  for (const name of STOP_SIGNALS) process.on(name, stopOnSignal);
  try {
    if (evaluate && done === 0 && !stopRequested) {
      const { metrics } = await attempt(run, 'the evaluation before the first step', () =>
        evaluateNow(options, evaluate, 0),
      );
      run.writeStartEvaluation(metrics);
    }
    while (done < steps) {
      // The engine computes on this thread: without a pause no plot, no interrupt and no message would get through.
      await new Promise((resolve) => setImmediate(resolve));
      if (stopRequested) {
        await attempt(run, `the checkpoint after step ${done} of ${steps}`, async () => {
          checkState(options);
          save(options, done, best);
        });
        throw new TrainingStopped(done, steps, run.folder, stopSignal);
      }
      const index = done++;
      const isLast = done === steps;
      const evaluates = evaluate !== undefined && (isDue(evaluate, done) || isLast);
      const saves = done % checkpointEvery === 0 && !isLast;
      resetPeakMemory();
      const [stepMetrics, step_time] = await timed(() =>
        attempt(run, `step ${done} of ${steps}`, async () => {
          const metrics = checkFinite(await options.step(index));
          if (evaluates || saves || isLast) checkState(options);
          return metrics;
        }),
      );
      const metrics = { ...stepMetrics };
      const times: Metrics = { step_time, peak_memory: peakMemory() };
      let improved = false;
      if (evaluates) {
        const [{ metrics: evalMetrics, score }, seconds] = await timed(() =>
          attempt(run, `the evaluation after step ${done} of ${steps}`, () => evaluateNow(options, evaluate, done)),
        );
        Object.assign(metrics, evalMetrics);
        times.eval_runtime = seconds;
        if (score !== undefined && (best === undefined || score > best.score)) {
          best = { step: done, score };
          improved = true;
        }
      }
      for (const warning of log.write(done, metrics, times)) options.onWarning?.(warning);
      options.onStep?.(done, steps, { ...metrics, ...times });
      if (improved || saves) save(options, done, best);
    }
  } finally {
    for (const name of STOP_SIGNALS) process.off(name, stopOnSignal);
    signal?.removeEventListener('abort', requestStop);
  }
}

function checkInterval(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`training: ${name} must be a whole number of 1 or more, got ${value}`);
}

/** Whether the model is evaluated after so many steps, if these are not the last. */
function isDue({ every, doubling = false }: EvaluationSchedule, done: number): boolean {
  return done % every === 0 || (doubling && done > 1 && done < every && Number.isInteger(Math.log2(done)));
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
    const resumeText = last ? `the last good checkpoint is ${last.folder}` : 'no checkpoint was left yet';
    throw new Error(`${part} failed: ${(error as Error).message}; ${resumeText}`, { cause: error });
  }
}

/** @throws Error naming the first metric that is not a finite number. */
function checkFinite(metrics: Metrics): Metrics {
  const notFinite = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (notFinite) throw new Error(`the metric '${notFinite[0]}' is ${notFinite[1]}`);
  return metrics;
}

async function evaluateNow(
  { trainable, frozen }: LoopOptions,
  { measure }: EvaluationSchedule,
  done: number,
): Promise<TrainingEvaluation> {
  const { metrics, score } = await measure({ ...frozen, ...trainable }, done);
  checkFinite(score === undefined ? metrics : { ...metrics, score });
  const named = Object.fromEntries(Object.entries(metrics).map(([key, value]) => [`eval_${key}`, value]));
  return score === undefined ? { metrics: named } : { metrics: named, score };
}

/** Leaves a checkpoint, unless there is one of this step. @param best the best checkpoint so far, this one included */
function save(options: LoopOptions, done: number, best: BestCheckpoint | undefined): void {
  const { run, keepCheckpoints } = options;
  if (run.latestCheckpoint()?.step === done) return;
  run.saveCheckpoint(done, (folder) => writeState(folder, options), { keep: keepCheckpoints, best });
}

/** Replaces the tensors in memory by those of the newest sound checkpoint. */
function restore(options: LoopOptions): { done: number; best: BestCheckpoint | undefined } {
  const checkpoint = options.run.openNewestCheckpoint((folder) => readState(folder, options));
  if (!checkpoint) return { done: 0, best: undefined };
  restoreState(options, checkpoint.content);
  return { done: checkpoint.step, best: checkpoint.best };
}
