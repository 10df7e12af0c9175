/** Estimates how long a grid still takes. What its cells have cost so far gives the seconds for a unit of work, by kind and task. */
import { sum } from 'simple-statistics';
import type { Cell } from '../cells/cell.js';
import type { GridCell } from '../design/grid.js';
import { longestCompletion, testSetItems } from '../profile.js';
import type { Study } from '../workspace.js';

/** An amount of work of one kind on one task, in units that take about the same time: rows in SFT, tokens generated at most elsewhere. */
export interface Work {
  kind: 'sft' | 'grpo' | 'measure';
  task: string;
  units: number;
}

/** Work that was done, and the seconds that it took. */
export interface Cost extends Work {
  seconds: number;
}

/** The work that is left of a job, and the job that it waits for. */
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

/** The work of a cell's evaluations, on test sets and on held-out rows, and of its reading. */
export function evaluationWork(study: Study, { cell, evaluations, heldOut, reading }: GridCell): Work {
  const { task } = cell;
  const longest = longestCompletion(study.profile, task);
  const testItems = evaluations.reduce((sum, { set }) => sum + testSetItems(study.profile, task, set), 0);
  const heldOutCompletions = heldOut ? heldOut.items * (1 + heldOut.samples) : 0;
  const read = reading ? (reading.rows[1] - reading.rows[0]) * reading.completions * reading.maxNewTokens : 0;
  const heldOutTokens = (heldOut?.maxNewTokens ?? 0) * heldOutCompletions;
  return { kind: 'measure', task, units: longest * testItems + heldOutTokens + read };
}

/**
 * The seconds that are left when `parallel` jobs run at a time, but no less than the longest chain of jobs that wait for each other.
 *
 * @returns `atLeast` where some of the work is of a kind that was not done yet; that work is left out
 */
export function secondsLeft(
  jobs: readonly JobLeft[],
  costs: readonly Cost[],
  parallel: number,
): { seconds: number; atLeast: boolean } {
  let atLeast = false;
  const workSeconds = (work: Work): number => {
    if (work.units === 0) return 0;
    const rate = secondsPerUnit(work, costs);
    if (rate === undefined) atLeast = true;
    return (rate ?? 0) * work.units;
  };
  const jobSeconds = ({ work }: JobLeft) => sum(work.map(workSeconds));
  const chainSeconds = (job: JobLeft): number => jobSeconds(job) + (job.after ? chainSeconds(job.after) : 0);
  const total = sum(jobs.map(jobSeconds));
  return { seconds: Math.max(total / parallel, ...jobs.map(chainSeconds)), atLeast };
}

/** The seconds for a unit of work, from costs of its kind on its task, or else on any task; undefined if there are none of its kind. */
function secondsPerUnit({ kind, task }: Work, costs: readonly Cost[]): number | undefined {
  const sameKind = costs.filter((cost) => cost.kind === kind && cost.units > 0);
  const sameTask = sameKind.filter((cost) => cost.task === task);
  const known = sameTask.length > 0 ? sameTask : sameKind;
  if (known.length === 0) return undefined;
  return sum(known.map((cost) => cost.seconds)) / sum(known.map((cost) => cost.units));
}
