/** Trains cells under a live plot of a notebook, and writes the finished figure to files. */

import path from 'node:path';

import type { RewardName } from '../../rewards/rewards.js';
import { type Cell, type CellResult, cellSteps, type GrpoCell } from '../../study/cells/cell.js';
import { cellMetrics, runCell } from '../../study/cells/run-cell.js';

import type { Study } from '../../study/workspace.js';
import { TASKS } from '../../tasks/tasks.js';
import type { Metrics } from '../../train/metrics.js';
import { type TrainingWarning, warningText } from '../../train/warnings.js';
import { exportFigure } from '../export.js';
import { DisplaySlot } from '../notebook.js';
import { grpoPanels, livePlot, SFT_PANELS, validationPanels } from './live-plot.js';

/** Reads the metrics that a cell has logged so far, with the number of steps done as curves show it: the log counts from 0. */
export function cellCurves(study: Study, cell: Cell): (Metrics & { step: number })[] {
  return cellMetrics(study, cell).map((row) => ({ ...row, step: row.step + 1 }));
}

/**
 * Trains a cell under a live plot, or goes on where it was stopped. A cell that is finished shows its curves. The finished figure
 * is exported to the study's `figures/<name>.png`, `.svg` and `.html`.
 *
 * @throws TrainingStopped when interrupted; the curves so far stay under the cell
 */
export async function runCellLive(study: Study, cell: Cell, name: string): Promise<CellResult> {
  const panels = cell.kind === 'grpo' ? grpoPanels(earnedAccuracyReward(cell)) : [...SFT_PANELS];
  if (cell.validation?.evaluateEvery) {
    const charts = validationPanels(cell.validation.samples);
    panels.push(...charts.filter(({ keys }) => cell.kind === 'grpo' || !keys.includes('eval_reward')));
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

/** The reward that judges the answers of a cell's task; undefined where the cell does not earn it. */
function earnedAccuracyReward({ task, rewards }: GrpoCell): RewardName | undefined {
  const { accuracyReward } = TASKS[task];
  return rewards[accuracyReward] === undefined ? undefined : accuracyReward;
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
