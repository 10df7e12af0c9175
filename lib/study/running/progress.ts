/** Follows a grid: this file knows which cells run now, and how long the rest takes. */
import { sum } from 'simple-statistics';
import type { GridJob } from './job.js';
import { stepSeconds } from './job-state.js';
import { type Cost, type JobLeft, secondsLeft } from './time-left.js';

/** How far a grid has come. */
export interface GridProgress {
  done: number;
  failed: number;
  total: number;
  /** The cells that are being run, with the steps they have done. */
  running: { name: string; done: number; steps: number }[];
  /** Seconds since the grid was begun. */
  elapsed: number;
  /** Seconds that are left; `atLeast` where some work has no known cost yet. */
  left: { seconds: number; atLeast: boolean };
}

/** How each job that has ended did end. A job that was skipped counts as failed. */
export type Outcomes = Map<GridJob, 'done' | 'failed'>;

/** The progress of a grid. It follows from the runner's own lists and from the logs of the jobs. */
export function gridProgress(state: {
  /** Each job stands after the job that it waits for. */
  jobs: readonly GridJob[];
  outcomes: Outcomes;
  running: readonly GridJob[];
  /** The costs of the evaluations so far. */
  evaluationCosts: readonly Cost[];
  parallel: number;
  /** Seconds since the grid was begun. */
  seconds: number;
}): GridProgress {
  const { jobs, outcomes, running, evaluationCosts, parallel } = state;
  const costs = [...evaluationCosts];
  const left = new Map<GridJob, JobLeft>();
  const stepsDone = new Map<GridJob, number>();
  for (const job of jobs) {
    const work = [job.measuringWork];
    if (job.steps > 0) {
      const seconds = stepSeconds(job);
      stepsDone.set(job, seconds.length);
      costs.push({ ...job.trainingWork(seconds.length), seconds: sum(seconds) });
      work.push(job.trainingWork(Math.max(0, job.steps - seconds.length)));
    }
    if (!outcomes.has(job)) left.set(job, { work, after: job.after && left.get(job.after) });
  }
  const count = (outcome: 'done' | 'failed') => [...outcomes.values()].filter((ended) => ended === outcome).length;
  return {
    done: count('done'),
    failed: count('failed'),
    total: jobs.length,
    running: running.map((job) => ({
      name: job.name,
      done: stepsDone.get(job) ?? 0,
      steps: job.steps,
    })),
    elapsed: state.seconds,
    left: secondsLeft([...left.values()], costs, parallel),
  };
}
