/** Plans a grid: the plan lists each training run once, however many cells share it, after the run that it starts from. */
import path from 'node:path';
import type { BaseCell, Cell } from '../cells/cell.js';
import { cellFolder } from '../cells/cell-identity.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';

/** One run of a grid, with all of its evaluations. */
export interface GridJob extends GridCell {
  /** The folder that holds its run, its evaluations and its log. */
  folder: string;
  /** The run that it starts from. */
  after?: GridJob;
}

/**
 * The jobs of a grid, each after the one that it waits for. A start cell that the grid does not list is a job too.
 *
 * @throws Error where two cells have one name, or a task's data is missing
 */
export function planJobs(study: Study, grid: readonly GridCell[]): GridJob[] {
  const cellsByFolder = groupByFolder(study, grid);
  const jobs = new Map<string, GridJob>();
  const addJob = (name: string, cell: Cell | BaseCell): GridJob => {
    const folder = jobFolder(study, cell);
    const planned = jobs.get(folder);
    if (planned) return planned;
    const cells = cellsByFolder.get(folder) ?? [{ name, cell, evaluations: [] }];
    const after =
      cell.kind === 'grpo' && cell.start !== 'base' ? addJob(`${cells[0]!.name} (start)`, cell.start) : undefined;
    const heldOut = cells.find((listed) => listed.heldOut)?.heldOut;
    const job: GridJob = {
      name: cells.map((listed) => listed.name).join(' = '),
      cell,
      evaluations: distinct(cells.flatMap((listed) => listed.evaluations)),
      ...(heldOut ? { heldOut } : {}),
      folder,
      ...(after ? { after } : {}),
    };
    jobs.set(folder, job);
    return job;
  };
  for (const { name, cell } of grid) addJob(name, cell);
  return [...jobs.values()];
}

/** The cells of a grid by the folder of their run. @throws Error where two cells have one name */
function groupByFolder(study: Study, grid: readonly GridCell[]): Map<string, GridCell[]> {
  const names = new Set<string>();
  const cellsByFolder = new Map<string, GridCell[]>();
  for (const listed of grid) {
    const { name } = listed;
    if (names.has(name)) throw new Error(`two cells of the grid are named '${name}'; names must be unique`);
    names.add(name);
    const folder = jobFolder(study, listed.cell);
    cellsByFolder.set(folder, [...(cellsByFolder.get(folder) ?? []), listed]);
  }
  return cellsByFolder;
}

function jobFolder(study: Study, cell: Cell | BaseCell): string {
  return cell.kind === 'base' ? path.join(study.folder, 'cells', `base-${cell.task}`) : cellFolder(study, cell);
}

function distinct(evaluations: GridCell['evaluations']): GridCell['evaluations'] {
  const byName = evaluations.map((evaluation) => [`${evaluation.set} ${evaluation.style}`, evaluation] as const);
  return [...new Map(byName).values()];
}
