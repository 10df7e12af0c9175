/**
 * Runs a grid. What is done already is taken as it is; the rest is trained and measured, several cells at a time if the caller asks for that.
 * A cell that fails is listed with its log, and the others go on. After an interrupt the same call goes on from where each cell was.
 *
 * The caller chooses where a cell runs: `runJobHere`, `runJobsInProcesses` (`processes.ts`) or `runJobsOnRay` (`ray.ts`).
 */
import { sum } from 'simple-statistics';
import { TrainingStopped } from '../../train/loop.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';
import { planJobs } from './grid-jobs.js';
import type { GridJob } from './job.js';
import { appendToLog, jobLog } from './job-log.js';
import { stepSeconds } from './job-state.js';
import { type GridProgress, gridProgress, type Outcomes } from './progress.js';
import type { Cost } from './time-left.js';

/**
 * Runs one job to its end, and adds what it prints to its log.
 *
 * @throws Error that says why it failed; once the signal is aborted, any error
 */
export type RunJob = (job: GridJob, signal: AbortSignal) => Promise<void>;

export interface GridOptions {
  /** Default: `runJobHere`. */
  runJob?: RunJob;
  /** Jobs at a time; in this process there can be but one. Default 1. */
  parallel?: number;
  /** Stops all jobs at the end of their steps. */
  signal?: AbortSignal;
  /** Called as a cell ends, with the seconds that it took; not for cells that were done before. */
  onDone?: (job: GridJob, seconds: number) => void;
  onFailed?: (failure: Failure) => void;
  /** Called every two seconds, and as cells begin and end. */
  onProgress?: (progress: GridProgress) => void;
}

/** A cell that did not end well. */
export interface Failure {
  name: string;
  error: string;
  log: string;
}

/** The outcome of a grid. */
export interface GridReport {
  /** Names of the cells that are trained and measured. */
  done: string[];
  failed: Failure[];
  /** Cells that were not begun because what they start from failed. */
  skipped: { name: string; start: string }[];
  interrupted: boolean;
}

/** Milliseconds between two reports of progress. */
const PROGRESS_INTERVAL = 2000;

/**
 * Runs the cells of a grid that are not done.
 *
 * @throws Error where the grid cannot be planned, such as where a task's data is missing
 */
export function runGrid(study: Study, grid: readonly GridCell[], options: GridOptions = {}): Promise<GridReport> {
  return runJobs(planJobs(study, grid), options);
}

/** Runs the jobs that are not done. @param jobs each after the one that it waits for */
export async function runJobs(jobs: readonly GridJob[], options: GridOptions = {}): Promise<GridReport> {
  const { parallel = 1, signal = new AbortController().signal } = options;
  if (!Number.isInteger(parallel) || parallel < 1)
    throw new Error(`a grid is run 1 or more cells at a time, got ${parallel}`);
  const report: GridReport = { done: [], failed: [], skipped: [], interrupted: false };
  const outcomes: Outcomes = new Map();
  const running = new Map<GridJob, Promise<void>>();
  const evaluationCosts: Cost[] = [];
  const started = performance.now();
  const tellProgress = () => {
    const seconds = (performance.now() - started) / 1000;
    options.onProgress?.(
      gridProgress({ jobs, outcomes, running: [...running.keys()], evaluationCosts, parallel, seconds }),
    );
  };
  const runToEnd = async (job: GridJob) => {
    const outcome = await tryJob(job, options.runJob ?? runJobHere, signal);
    running.delete(job);
    if (outcome === 'interrupted') {
      report.interrupted = true;
      return;
    }
    const failed = 'error' in outcome;
    outcomes.set(job, failed ? 'failed' : 'done');
    if (failed) {
      report.failed.push(outcome);
    } else {
      report.done.push(job.name);
      evaluationCosts.push(outcome.evaluationCost);
    }
    tellProgress();
    if (failed) options.onFailed?.(outcome);
    else options.onDone?.(job, outcome.seconds);
  };

  for (const job of jobs) {
    if (job.state().state !== 'done') continue;
    outcomes.set(job, 'done');
    report.done.push(job.name);
  }
  const timer = setInterval(tellProgress, PROGRESS_INTERVAL);
  try {
    for (;;) {
      // Jobs are listed after the job that they start from, so a single pass marks every dependent of a failed job as skipped.
      for (const job of jobs) {
        if (outcomes.has(job) || running.has(job)) continue;
        const { after } = job;
        const waits = after !== undefined && !outcomes.has(after);
        if (after && outcomes.get(after) === 'failed') {
          outcomes.set(job, 'failed');
          report.skipped.push({ name: job.name, start: after.name });
        } else if (!waits && running.size < parallel && !signal.aborted && !report.interrupted) {
          running.set(job, runToEnd(job));
        }
      }
      tellProgress();
      if (running.size === 0) break;
      await Promise.race(running.values());
    }
  } finally {
    clearInterval(timer);
  }
  report.interrupted ||= signal.aborted;
  return report;
}

/** Runs a job and says how it ended: with its seconds and the cost of its evaluations, with a failure, or because it was stopped. */
async function tryJob(
  job: GridJob,
  runJob: RunJob,
  signal: AbortSignal,
): Promise<{ seconds: number; evaluationCost: Cost } | Failure | 'interrupted'> {
  const started = performance.now();
  const trainedBefore = sum(stepSeconds(job));
  try {
    // The run comes first: opening it refuses a folder that holds something else.
    job.open();
    appendToLog(job, `${new Date().toISOString()} ${job.name}`);
    await runJob(job, signal);
    const seconds = (performance.now() - started) / 1000;
    const training = sum(stepSeconds(job)) - trainedBefore;
    return { seconds, evaluationCost: { ...job.measuringWork, seconds: Math.max(0, seconds - training) } };
  } catch (error) {
    if (signal.aborted || error instanceof TrainingStopped) return 'interrupted';
    return { name: job.name, error: (error as Error).message, log: jobLog(job) };
  }
}

/** Runs a job in this process. An interrupt of the process stops it at the end of its step, as the signal does. */
export const runJobHere: RunJob = async (job, signal) => {
  try {
    await job.run({ signal });
  } catch (error) {
    if (!signal.aborted) appendToLog(job, (error as Error).stack!);
    throw error;
  }
};
