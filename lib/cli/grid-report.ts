/** Says in words what a grid did, and what is left of it. */
import { hasBase } from '../study/cells/cell-base.js';
import { hasData } from '../study/cells/run-cell.js';
import type { GridCell } from '../study/design/grid.js';
import { planJobs } from '../study/running/grid-jobs.js';
import { type JobState, jobState } from '../study/running/job-state.js';
import type { GridReport } from '../study/running/runner.js';
import type { Study } from '../study/workspace.js';

/** What came of a grid, and what to do about the cells that failed. */
export function reportText({ done, failed, skipped, interrupted }: GridReport): string {
  const lines = [
    `${done.length} ${done.length === 1 ? 'cell' : 'cells'} done, ${failed.length} failed, ${skipped.length} not run as their start failed`,
  ];
  for (const { name, error, log } of failed)
    lines.push(`failed: ${name}\n  ${error.replaceAll('\n', '\n  ')}\n  log: ${log}`);
  for (const { name, start } of skipped) lines.push(`not run: ${name}, which starts from ${start}`);
  if (interrupted) lines.push('interrupted: run the same again to go on');
  else if (failed.length > 0) lines.push('run the same again to try those that failed once more');
  return lines.join('\n');
}

/** A cell of a grid, as `study --list` lists it. */
export interface ListedCell extends JobState {
  name: string;
  /** Known once the data of all tasks and the cell's base model are there. */
  folder?: string;
}

/** The cells of a grid and how far each is. */
export function listCells(study: Study, grid: readonly GridCell[]): ListedCell[] {
  const tasks = new Set(grid.map(({ cell }) => cell.task));
  const isKnown = ({ cell }: GridCell) => hasBase(study, cell);
  const toDo = (cells: readonly GridCell[]) => cells.map(({ name }): ListedCell => ({ name, state: 'to do' }));
  // A cell is known by its rows and its base model: without them nothing can have been done.
  if ([...tasks].some((task) => !hasData(study, task))) return toDo(grid);
  const jobs = planJobs(study, grid.filter(isKnown));
  return [
    ...jobs.map((job) => ({ name: job.name, ...jobState(study, job), folder: job.folder })),
    ...toDo(grid.filter((cell) => !isKnown(cell))),
  ];
}

/** The listed cells, one a line. */
export function listText(cells: readonly ListedCell[]): string {
  const line = ({ name, state, steps, stale }: ListedCell) =>
    `${state.padEnd(12)}  ${name}${steps ? ` (${steps} steps)` : ''}${stale ? `; ${stale}` : ''}`;
  return cells.map(line).join('\n');
}
