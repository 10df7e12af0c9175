/**
 * Runs a grid: what is done already is taken as it is, the rest is trained and measured, several cells at a time where asked; a
 * cell that fails is listed with its log and the others go on; stopped, the same call goes on from where each cell was.
 *
 * How a cell is run is the caller's: `inThisProcess` here, `inProcesses` (`cell-process.ts`), `onRay` (`ray.ts`).
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { TrainingStopped } from '../../train/loop.js';
import { cellSteps } from '../cells/cell.js';
import { cellRun } from '../cells/run-cell.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';
import { type GridJob, jobLog, jobState, planJobs, runGridCell, stepSeconds } from './grid-jobs.js';
import { type Cost, type JobLeft, measuringWork, secondsLeft, trainingWork } from './time-left.js';

/**
 * Runs one job to its end; what it prints is added to its log.
 *
 * @throws Error why it failed; any where the signal was aborted
 */
export type Execute = (study: Study, job: GridJob, signal: AbortSignal) => Promise<void>;

/** How far a grid has come. */
export interface GridProgress {
  done: number;
  failed: number;
  total: number;
  /** The cells that are being run, with the steps they have done. */
  running: { name: string; done: number; steps: number }[];
  /** Seconds since the grid was begun, and those that are left; `atLeast` where some work has no known cost yet. */
  elapsed: number;
  left: { seconds: number; atLeast: boolean };
}

export interface GridOptions {
  /** Default: `inThisProcess`. */
  execute?: Execute;
  /** Jobs at a time; in this process there can be but one. Default 1. */
  parallel?: number;
  /** Stops all at the end of their steps. */
  signal?: AbortSignal;
  /** Called as a cell ends, with the seconds that it took; not for those that were done before. */
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

/** What came of a grid. */
export interface GridReport {
  /** Names of the cells that are trained and measured. */
  done: string[];
  failed: Failure[];
  /** Cells that were not begun, as what they start from failed. */
  skipped: { name: string; start: string }[];
  interrupted: boolean;
}

const POLL = 2000;

/**
 * Runs the cells of a grid that are not done.
 *
 * @throws Error where the grid cannot be planned, such as where a task's data is missing
 */
export async function runGrid(study: Study, grid: readonly GridCell[], options: GridOptions = {}): Promise<GridReport> {
  const { execute = inThisProcess, parallel = 1, signal = new AbortController().signal } = options;
  if (!Number.isInteger(parallel) || parallel < 1)
    throw new Error(`a grid is run 1 or more cells at a time, got ${parallel}`);
  const jobs = planJobs(study, grid);
  const report: GridReport = { done: [], failed: [], skipped: [], interrupted: false };
  const ended = new Map<GridJob, 'done' | 'failed'>();
  /** Seconds of steps; read once of what has ended. */
  const spent = new Map<GridJob, number[]>();
  const secondsOf = (job: GridJob) => {
    const seconds = spent.get(job) ?? stepSeconds(job);
    if (ended.has(job)) spent.set(job, seconds);
    return seconds;
  };
  const running = new Map<GridJob, Promise<void>>();
  const measured: Cost[] = [];
  const started = performance.now();

  const tell = () =>
    options.onProgress?.({
      done: report.done.length,
      failed: report.failed.length + report.skipped.length,
      total: jobs.length,
      running: [...running.keys()].map((job) => ({
        name: job.name,
        done: secondsOf(job).length,
        steps: job.cell.kind === 'base' ? 0 : cellSteps(job.cell),
      })),
      elapsed: (performance.now() - started) / 1000,
      left: timeLeft(study, jobs, { ended, secondsOf, measured, parallel }),
    });
  const end = (job: GridJob, how: 'done' | 'failed') => {
    ended.set(job, how);
    running.delete(job);
    tell();
  };
  const run = async (job: GridJob) => {
    const begun = performance.now();
    const trainedBefore = sum(stepSeconds(job));
    try {
      openLog(study, job);
      await execute(study, job, signal);
      const seconds = (performance.now() - begun) / 1000;
      const measuring = Math.max(0, seconds - (sum(stepSeconds(job)) - trainedBefore));
      measured.push({ ...measuringWork(study, job), seconds: measuring });
      report.done.push(job.name);
      end(job, 'done');
      options.onDone?.(job, seconds);
    } catch (error) {
      if (signal.aborted || error instanceof TrainingStopped) {
        report.interrupted = true;
        return;
      }
      const failure = { name: job.name, error: (error as Error).message, log: jobLog(job) };
      report.failed.push(failure);
      end(job, 'failed');
      options.onFailed?.(failure);
    }
  };

  for (const job of jobs) {
    if (jobState(study, job).state !== 'done') continue;
    ended.set(job, 'done');
    report.done.push(job.name);
  }
  const timer = setInterval(tell, POLL);
  try {
    for (;;) {
      for (const job of jobs) {
        if (ended.has(job) || running.has(job) || (job.after && !ended.has(job.after))) continue;
        if (job.after && ended.get(job.after) === 'failed') {
          ended.set(job, 'failed');
          report.skipped.push({ name: job.name, start: job.after.name });
        } else if (running.size < parallel && !signal.aborted && !report.interrupted) {
          running.set(
            job,
            run(job).finally(() => running.delete(job)),
          );
        }
      }
      tell();
      if (running.size === 0) break;
      await Promise.race(running.values());
    }
  } finally {
    clearInterval(timer);
  }
  report.interrupted ||= signal.aborted;
  return report;
}

/** Runs a job here. An interrupt of the process stops it at the end of its step, as the signal does. */
export const inThisProcess: Execute = async (study, job, signal) => {
  try {
    await runGridCell(study, job, { signal });
  } catch (error) {
    if (!signal.aborted) appendFileSync(jobLog(job), `${(error as Error).stack}\n`);
    throw error;
  }
};

/** Makes the folder of a job, and writes into its log that it begins. */
function openLog(study: Study, job: GridJob): void {
  // The run first: it refuses a folder that holds something else.
  if (job.cell.kind !== 'base') cellRun(study, job.cell);
  mkdirSync(path.dirname(jobLog(job)), { recursive: true });
  appendFileSync(jobLog(job), `${new Date().toISOString()} ${job.name}\n`);
}

/** What is left of the jobs by what all of them cost so far, in this grid or before. */
function timeLeft(
  study: Study,
  jobs: readonly GridJob[],
  known: {
    ended: ReadonlyMap<GridJob, unknown>;
    secondsOf: (job: GridJob) => number[];
    measured: readonly Cost[];
    parallel: number;
  },
): GridProgress['left'] {
  const costs = [...known.measured];
  const left = new Map<GridJob, JobLeft>();
  for (const job of jobs) {
    const work = [measuringWork(study, job)];
    if (job.cell.kind !== 'base') {
      const seconds = known.secondsOf(job);
      costs.push({ ...trainingWork(job.cell, seconds.length), seconds: sum(seconds) });
      work.push(trainingWork(job.cell, Math.max(0, cellSteps(job.cell) - seconds.length)));
    }
    if (!known.ended.has(job)) left.set(job, { work, after: job.after && left.get(job.after) });
  }
  return secondsLeft([...left.values()], costs, known.parallel);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
