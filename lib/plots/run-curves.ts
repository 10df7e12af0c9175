/** Curves of any runs, laid over each other: what each has logged, by the name of its folder. */

import path from 'node:path';
import type { RunDirectory } from '../train/run-directory.js';
import { curvePanels, type MetricRow, trainingCurves } from './curves.js';
import { loggedMetrics, metricPanels } from './metric-panels.js';
import type { Figure } from './style.js';

/**
 * Draws what runs have logged.
 *
 * @param runs by the names that the legend has; a run that is under way shows its steps so far. Where the start was evaluated, its held-out
 *   metrics stand at step 0
 * @param metrics a chart for each of these; default: the charts that the metrics of all runs make
 * @throws Error naming a run that has logged nothing, or a metric that no run has
 */
export function runCurves(runs: Readonly<Record<string, RunDirectory>>, metrics?: readonly string[]): Figure {
  const rows: Record<string, readonly MetricRow[]> = {};
  for (const [name, run] of Object.entries(runs)) {
    const logged = metrics ? run.timedMetrics() : run.metrics();
    if (logged.length === 0) throw new Error(`${run.folder} has logged no step yet`);
    const start = run.startEvaluation();
    rows[name] = start ? [start, ...logged] : logged;
  }
  const names = Object.keys(runs);
  const panels = curvePanels(metrics ?? metricPanels(loggedMetrics(Object.values(rows).flat())), names.length);
  const columns = Math.min(3, panels.length);
  const figure = trainingCurves(rows, panels, { title: names.length === 1 ? names[0]! : '', columns });
  return { ...figure, layout: { ...figure.layout, height: 90 + 210 * Math.ceil(panels.length / columns) } };
}

/** Names of runs for a legend: the last parts of their paths, as many as tell them apart. */
export function runNames(folders: readonly string[]): string[] {
  const paths = folders.map((folder) => path.resolve(folder).split(path.sep));
  for (let parts = 1; ; parts++) {
    const names = paths.map((pieces) => pieces.slice(-parts).join('/'));
    if (new Set(names).size === names.length || paths.every(({ length }) => length <= parts)) return names;
  }
}
