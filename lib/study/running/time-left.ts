/** How long a grid still takes, from what its cells cost so far: seconds a unit of work, by kind and task. */
import type { Cell } from '../cells/cell.js';
import type { GridCell } from '../design/grid.js';
import { longestCompletion, testSetItems } from '../profile.js';
import type { Study } from '../workspace.js';

/** An amount of work of one kind on one task, in units that take like times: rows in SFT, tokens generated at most elsewhere. */
export interface Work {
  kind: 'sft' | 'grpo' | 'measure';
  task: string;
  units: number;
}

/** Work that was done, and the seconds that it took. */
export interface Cost extends Work {
  seconds: number;
}

/** What is left of a job, and the job that it waits for. */
export interface JobLeft {
  work: readonly Work[];
  after?: JobLeft;
}

/** The work of some steps of a cell. */
export function trainingWork(cell: Cell, steps: number): Work {
  const { kind, task } = cell;
  if (cell.kind === 'sft') return { kind, task, units: steps * cell.settings.batchSize };
  const { promptsPerStep, completions, maxNewTokens } = cell.settings;
  return { kind, task, units: steps * promptsPerStep * completions * maxNewTokens };
}

/** The work of all that is measured of a cell. */
export function measuringWork(study: Study, { cell, evaluations, heldOut }: GridCell): Work {
  const { task } = cell;
  const longest = longestCompletion(study.profile, task);
  const tested = evaluations.reduce((sum, { set }) => sum + testSetItems(study.profile, task, set), 0);
  const chosen = heldOut ? heldOut.items * (1 + heldOut.samples) : 0;
  return { kind: 'measure', task, units: longest * tested + (heldOut?.maxNewTokens ?? 0) * chosen };
}

/**
 * The seconds that are left: all work by what its kind has cost on its task, or on any where it was not done on its own, shared
 * among so many jobs at a time; but no less than the longest chain of jobs that wait for each other.
 *
 * @returns `atLeast` where there is work of a kind that was not done yet, which is left out
 */
export function secondsLeft(
  jobs: readonly JobLeft[],
  costs: readonly Cost[],
  parallel: number,
): { seconds: number; atLeast: boolean } {
  let atLeast = false;
  const rate = ({ kind, task }: Work): number | undefined => {
    const alike = costs.filter((cost) => cost.kind === kind && cost.units > 0);
    const own = alike.filter((cost) => cost.task === task);
    const known = own.length > 0 ? own : alike;
    const sum = (of: (cost: Cost) => number) => known.reduce((total, cost) => total + of(cost), 0);
    return known.length > 0 ? sum((cost) => cost.seconds) / sum((cost) => cost.units) : undefined;
  };
  const secondsOf = ({ work }: JobLeft) =>
    work.reduce((sum, each) => {
      const seconds = rate(each);
      if (seconds === undefined && each.units > 0) atLeast = true;
      return sum + (seconds ?? 0) * each.units;
    }, 0);
  const chain = (job: JobLeft): number => secondsOf(job) + (job.after ? chain(job.after) : 0);
  const all = jobs.reduce((sum, job) => sum + secondsOf(job), 0);
  return { seconds: Math.max(all / parallel, ...jobs.map(chain)), atLeast };
}
