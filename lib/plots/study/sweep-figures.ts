/** Figures of a sweep: its accuracies with their intervals, point under point, and the curves of its points. */

import { meanCurve, type SweepResults, type SweepRow } from '../../study/results/sweep-results.js';
import type { StepMetrics } from '../../train/metrics.js';
import { curvePanels, trainingCurves } from '../curves.js';
import { type ForestPanel, type ForestPoint, forestFigure } from '../forest.js';
import { loggedMetrics, metricPanels } from '../metric-panels.js';
import type { Figure } from '../style.js';

/**
 * Draws a line for each point, with its accuracy on each test set and on held-out rows: the 95 % interval over seeds and items, and a
 * tick for each seed.
 *
 * @throws Error where no point has an accuracy: the cells of the sweep have neither test sets nor held-out rows
 */
export function sweepFigure({ rows }: Pick<SweepResults, 'rows'>, title = 'Sweep'): Figure {
  const sets = [...new Set(rows.flatMap(({ tests }) => Object.keys(tests)))];
  const panels: ForestPanel[] = sets.map((set) => ({ title: set, axis: 'accuracy, %' }));
  if (rows.some(({ heldOut }) => heldOut)) panels.push({ title: HELD_OUT, axis: 'accuracy, %' });
  if (panels.length === 0)
    throw new Error(
      "a sweep without 'test' and 'validation' in its cell has no accuracies to draw; its curves can be drawn",
    );
  return forestFigure([{ rows: rows.map((row) => ({ label: row.label, points: pointsOf(row) })) }], panels, title);
}

const HELD_OUT = 'held out, after the last step';

function pointsOf({ tests, heldOut }: SweepRow): ForestPoint[] {
  const estimates = Object.entries(tests).map(([set, { accuracy }]) => [set, accuracy] as const);
  return [...estimates, ...(heldOut ? [[HELD_OUT, heldOut] as const] : [])].map(
    ([panel, { mean, interval, perSeed }]) => ({
      ...{ value: mean, low: interval[0], high: interval[1], panel, series: 'this sweep' },
      ...(perSeed.length > 1 ? { seeds: perSeed } : {}),
    }),
  );
}

/** Draws the curves of the points, each the mean of its seeds. */
export function sweepCurves({ rows }: Pick<SweepResults, 'rows'>, title = 'Sweep, means of seeds'): Figure {
  const curves: Record<string, StepMetrics[]> = Object.fromEntries(rows.map((row) => [row.label, meanCurve(row)]));
  const panels = curvePanels(metricPanels(loggedMetrics(Object.values(curves).flat())), rows.length);
  const figure = trainingCurves(curves, panels, { title });
  return { ...figure, layout: { ...figure.layout, height: 120 + 210 * Math.ceil(panels.length / 3) } };
}
