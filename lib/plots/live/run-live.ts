/** Trains cells under a live plot of a notebook, and writes the finished figure to files. */

import path from 'node:path';
import { type Cell, type CellResult, cellSteps } from '../../study/cells/cell.js';
import { cellFolder } from '../../study/cells/cell-identity.js';
import { curveMetric } from '../../study/cells/learning-curve.js';
import { runCell, startedRun } from '../../study/cells/run-cell.js';
import type { Study } from '../../study/workspace.js';
import { testSetsOf } from '../../tasks/tasks.js';
import { exportFigure } from '../export.js';
import { DisplaySlot } from '../notebook.js';
import { livePlot } from './live-plot.js';
import { warningLines } from './warning-lines.js';

/**
 * Trains a cell under a live plot, or goes on where it was stopped. A cell that is finished shows its curves. The finished figure
 * is exported to the study's `figures/<name>.png`, `.svg` and `.html`.
 *
 * @throws TrainingStopped when interrupted; the curves so far stay under the cell
 */
export async function runCellLive(study: Study, cell: Cell, name: string): Promise<CellResult> {
  const history = startedRun(study, cell)?.keptMetrics() ?? [];
  const folder = cellFolder(study, cell);
  const live = livePlot({ name, expected: expectedMetrics(cell), total: cellSteps(cell), history, folder });
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

/** The metrics of a cell that have a chart. */
function expectedMetrics(cell: Cell): string[] {
  const { validation } = cell;
  const heldOut = validation?.evaluateEvery
    ? ['eval_accuracy', 'eval_format', 'eval_pass@1', `eval_pass@${validation.samples}`]
    : [];
  if (cell.kind === 'sft') return ['loss', 'mean_token_accuracy', ...heldOut];
  return [
    'reward',
    ...Object.keys(cell.rewards).map((reward) => `rewards/${reward}/mean`),
    ...(cell.settings.beta > 0 ? ['kl'] : []),
    ...['completions/mean_length', 'completions/clipped_ratio', 'frac_reward_zero_std'],
    ...heldOut,
    ...(heldOut.length > 0 ? ['eval_reward'] : []),
    ...(cell.curve ? testSetsOf(cell.task).map((set) => `eval_${curveMetric(set)}`) : []),
  ];
}

/** A line of text under the running cell that says how far something has come: `images 300/1200`. */
export function liveProgress(name: string): (done: number, total: number) => void {
  const slot = new DisplaySlot();
  return (done, total) => slot.set({ 'text/plain': `${name} ${done}/${total}` });
}
