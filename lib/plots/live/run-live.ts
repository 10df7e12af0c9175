/** Training cells as a notebook shows them: curves while it trains, the finished figure in files and in the notebook. */

import path from 'node:path';
import { type Cell, type CellResult, cellMetrics, cellSteps, runCell } from '../../study/cells/cell.js';
import type { Study } from '../../study/workspace.js';
import type { Metrics } from '../../train/metrics.js';
import { type TrainingWarning, warningText } from '../../train/warnings.js';
import { exportFigure } from '../export.js';
import { DisplaySlot } from '../notebook.js';
import { GRPO_PANELS, livePlot, SFT_PANELS, validationPanels } from './live-plot.js';

/** What a cell has logged so far, as curves show it: the log counts steps from 0, a curve the steps that are done. */
export function cellCurves(study: Study, cell: Cell): (Metrics & { step: number })[] {
  return cellMetrics(study, cell).map((row) => ({ ...row, step: row.step + 1 }));
}

/**
 * Trains a cell under a live plot, or goes on where it was stopped; one that is finished shows its curves. The finished
 * figure is exported to the study's `figures/<name>.png`, `.svg` and `.html`.
 *
 * @throws TrainingStopped when interrupted; the curves so far stay under the cell
 */
export async function runCellLive(study: Study, cell: Cell, name: string): Promise<CellResult> {
  const panels = [...(cell.kind === 'grpo' ? GRPO_PANELS : SFT_PANELS)];
  if (cell.validation?.evaluateEvery) {
    const seen = validationPanels(cell.validation.samples);
    panels.push(...seen.filter(({ keys }) => cell.kind === 'grpo' || !keys.includes('eval_reward')));
  }
  const live = livePlot({ name, panels, total: cellSteps(cell), history: cellCurves(study, cell) });
  let result: CellResult;
  try {
    result = await runCell(study, cell, {
      onStep: (done, _, metrics) => live.update(done, metrics),
      onWarning: warningLines(),
    });
  } finally {
    await live.finish();
  }
  const figure = live.figure();
  await exportFigure(figure, path.join(study.folder, 'figures', name), { height: figure.layout.height });
  return result;
}

/** Shows warnings as lines of text under the running cell; nothing as long as there is none. */
function warningLines(): (warning: TrainingWarning) => void {
  const lines: string[] = [];
  let slot: DisplaySlot | undefined;
  return (warning) => {
    lines.push(warningText(warning));
    slot ??= new DisplaySlot();
    slot.set({ 'text/plain': lines.join('\n') });
  };
}

/** A line of text under the running cell that says how far something has come: `images 300/1200`. */
export function liveProgress(name: string): (done: number, total: number) => void {
  const slot = new DisplaySlot();
  return (done, total) => slot.set({ 'text/plain': `${name} ${done}/${total}` });
}
