/** Reads how far a job has come. The files in its folder say it, whichever process trains it. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cellFolder, staleCell, staleText } from '../cells/cell-identity.js';
import { finishedCell, finishedEvaluation, finishedHeldOut, finishedReading } from '../cells/run-cell.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';

/** Where a cell stands. */
export interface JobState {
  state: 'done' | 'not measured' | 'begun' | 'to do';
  /** Steps that a run which is not finished has logged. */
  steps?: number;
  /** Which code finished the cell, in words, where this code has not. */
  stale?: string;
}

/** How far a cell has come. */
export function jobState(study: Study, gridCell: GridCell): JobState {
  const { cell } = gridCell;
  if (cell.kind === 'base') return { state: isMeasured(study, gridCell) ? 'done' : 'not measured' };
  const staleRun = staleCell(study, cell);
  const stale = staleRun ? { stale: staleText(staleRun) } : {};
  if (finishedCell(study, cell)) return { state: isMeasured(study, gridCell) ? 'done' : 'not measured', ...stale };
  const steps = stepSeconds({ folder: cellFolder(study, cell) }).length;
  return steps > 0 ? { state: 'begun', steps, ...stale } : { state: 'to do', ...stale };
}

/** Whether a cell that is trained is measured as the grid asks. */
export function isMeasured(study: Study, { cell, evaluations, heldOut, reading }: GridCell): boolean {
  return (
    evaluations.every(({ set, style }) => finishedEvaluation(study, cell, set, style)) &&
    (!heldOut || finishedHeldOut(study, cell, heldOut) !== undefined) &&
    (!reading || finishedReading(study, cell, reading) !== undefined)
  );
}

/** The seconds of each step that a run has logged. */
export function stepSeconds({ folder }: { folder: string }): number[] {
  const file = path.join(folder, 'timing.jsonl');
  if (!existsSync(file)) return [];
  // The last piece is empty, or a line that is still being written.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { step_time: number }).step_time);
}
