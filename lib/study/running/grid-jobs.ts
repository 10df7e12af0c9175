/** A grid as jobs: each run once, whatever number of cells share it, after the run that it starts from. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { BaseCell, Cell } from '../cells/cell.js';
import { cellFolder, staleCell, staleText } from '../cells/cell-identity.js';
import {
  evaluateCell,
  finishedCell,
  finishedEvaluation,
  finishedHeldOut,
  measureHeldOut,
  runCell,
} from '../cells/run-cell.js';
import type { RunControl } from '../cells/train-run.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';

/** One run of a grid, with all that is measured of it. */
export interface GridJob extends GridCell {
  /** Where it is trained and measured, and where its log lies. */
  folder: string;
  /** The run that it starts from. */
  after?: GridJob;
}

/** Where a cell stands. */
export interface JobState {
  state: 'done' | 'not measured' | 'begun' | 'to do';
  /** Steps that a run which is not finished has left a checkpoint after, or logged. */
  steps?: number;
  /** In words, which code finished it, where this code has not or the study accepts that. */
  stale?: string;
}

/**
 * The jobs of a grid, each after the one that it waits for. A start cell that the grid does not list is a job too.
 *
 * @throws Error where two cells have one name, or a task's data is missing
 */
export function planJobs(study: Study, grid: readonly GridCell[]): GridJob[] {
  const names = new Set<string>();
  const listed = new Map<string, GridCell[]>();
  for (const each of grid) {
    if (names.has(each.name)) throw new Error(`two cells of the grid are named '${each.name}'; names must be unique`);
    names.add(each.name);
    const folder = jobFolder(study, each.cell);
    listed.set(folder, [...(listed.get(folder) ?? []), each]);
  }
  const jobs = new Map<string, GridJob>();
  const add = (name: string, cell: Cell | BaseCell): GridJob => {
    const folder = jobFolder(study, cell);
    const known = jobs.get(folder);
    if (known) return known;
    const cells = listed.get(folder) ?? [{ name, cell, evaluations: [] }];
    const after =
      cell.kind === 'grpo' && cell.start !== 'base' ? add(`${cells[0]!.name} (start)`, cell.start) : undefined;
    const heldOut = cells.find((each) => each.heldOut)?.heldOut;
    const job: GridJob = {
      name: cells.map((each) => each.name).join(' = '),
      cell,
      evaluations: distinct(cells.flatMap((each) => each.evaluations)),
      ...(heldOut ? { heldOut } : {}),
      folder,
      ...(after ? { after } : {}),
    };
    jobs.set(folder, job);
    return job;
  };
  for (const { name, cell } of grid) add(name, cell);
  return [...jobs.values()];
}

function jobFolder(study: Study, cell: Cell | BaseCell): string {
  return cell.kind === 'base' ? path.join(study.folder, 'cells', `base-${cell.task}`) : cellFolder(study, cell);
}

function distinct(evaluations: GridCell['evaluations']): GridCell['evaluations'] {
  return [...new Map(evaluations.map((each) => [`${each.set} ${each.style}`, each])).values()];
}

/** The file that a job's output is added to, start by start. */
export function jobLog(job: Pick<GridJob, 'folder'>): string {
  return path.join(job.folder, 'log.txt');
}

/** What is left to do of a job. */
export function jobState(study: Study, job: GridCell): JobState {
  const { cell } = job;
  if (cell.kind === 'base') return { state: isMeasured(study, job) ? 'done' : 'not measured' };
  const stale = staleCell(study, cell);
  const told = stale ? { stale: staleText(stale) } : {};
  if (finishedCell(study, cell)) return { state: isMeasured(study, job) ? 'done' : 'not measured', ...told };
  const steps = jobSteps({ folder: cellFolder(study, cell) });
  return steps > 0 ? { state: 'begun', steps, ...told } : { state: 'to do', ...told };
}

function isMeasured(study: Study, { cell, evaluations, heldOut }: GridCell): boolean {
  return (
    evaluations.every(({ set, style }) => finishedEvaluation(study, cell, set, style)) &&
    (!heldOut || finishedHeldOut(study, cell, heldOut) !== undefined)
  );
}

/** The seconds of each step that a run has logged, wherever it trains. */
export function stepSeconds({ folder }: Pick<GridJob, 'folder'>): number[] {
  const file = path.join(folder, 'timing.jsonl');
  if (!existsSync(file)) return [];
  // A line that is being written is left out.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { step_time: number }).step_time);
}

function jobSteps(job: Pick<GridJob, 'folder'>): number {
  return stepSeconds(job).length;
}

/**
 * Trains a cell, its start first, and measures it; what is done already is taken as it is.
 *
 * @throws Error of the signal, or TrainingStopped, when interrupted
 */
export async function runGridCell(study: Study, cell: GridCell, control: RunControl = {}): Promise<void> {
  const { signal } = control;
  const watch = () => signal?.throwIfAborted();
  watch();
  if (cell.cell.kind !== 'base') await runCell(study, cell.cell, control);
  for (const { set, style } of cell.evaluations) {
    watch();
    await evaluateCell(study, cell.cell, set, style, watch);
  }
  watch();
  if (cell.heldOut) await measureHeldOut(study, cell.cell, cell.heldOut);
}

/** A cell's accuracy on each test set, in a line. */
export function measuresText(study: Study, { cell, evaluations }: GridCell): string {
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  return evaluations
    .map(({ set, style }) => {
      const found = finishedEvaluation(study, cell, set, style);
      const others = evaluations.some((each) => each.style !== style) ? ` (${style})` : '';
      return `${set}${others} ${found ? percent(found.accuracy) : 'not measured'}`;
    })
    .join(', ');
}
