/** Runs a cell of a grid in this process, from its start to its last measure. */
import { evaluateCell, measureHeldOut, measureReading, runCell } from '../cells/run-cell.js';
import type { RunControl } from '../cells/train-run.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';

/**
 * Trains a cell, its start first, and evaluates it. Results that exist already are read, not computed again.
 *
 * @throws Error of the signal, or TrainingStopped, when interrupted
 */
export async function runGridCell(study: Study, gridCell: GridCell, control: RunControl = {}): Promise<void> {
  const { cell, evaluations, heldOut, reading } = gridCell;
  const throwIfStopped = () => control.signal?.throwIfAborted();
  throwIfStopped();
  if (cell.kind !== 'base') await runCell(study, cell, control);
  for (const { set, style } of evaluations) {
    throwIfStopped();
    await evaluateCell(study, cell, set, style, throwIfStopped);
  }
  throwIfStopped();
  if (heldOut) await measureHeldOut(study, cell, heldOut);
  throwIfStopped();
  if (reading) await measureReading(study, cell, reading);
}
