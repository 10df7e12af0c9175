/** Curves over training steps: every value faint, the smoothed line over it. */

import type { Data } from 'plotly.js';
import { panelFigure } from './panels.js';
import { type Figure, seriesStyle, withOpacity } from './style.js';

/** A row of a metrics file: metric names to values. A value that is not a finite number is a gap. */
export type MetricRow = Readonly<Record<string, unknown>>;

/** One small chart of a curves figure. */
export interface CurvePanel {
  title: string;
  /** The metrics that the panel draws. */
  keys: readonly string[];
  /** The vertical axis, where the values are known to stay within it, such as [0, 1]. */
  range?: readonly [number, number];
}

export interface CurvesOptions {
  title?: string;
  /** The column with the step; default: `step`. */
  step?: string;
  /** The last step of a run that is still under way. The horizontal axis then ends there, and metrics that come later may be missing. */
  total?: number;
  /** Weight of the past in the smoothed line, 0 (none) to below 1; default: 0.8. */
  smoothing?: number;
  columns?: number;
}

/**
 * Exponentially weighted mean of the values so far, without the pull towards zero at the start:
 * s_t = sum_i w^(t - i) x_i / sum_i w^(t - i) over the finite values up to t. A gap stays a gap and carries no weight.
 */
export function smoothCurve(values: readonly (number | null)[], weight = 0.8): (number | null)[] {
  if (!(weight >= 0 && weight < 1)) throw new Error(`smoothCurve: the weight must be in [0, 1), got ${weight}`);
  let sum = 0;
  let norm = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + value;
    norm = weight * norm + 1;
    return sum / norm;
  });
}

/** The values of one column, `null` where the row has no finite number. */
export function metricColumn(rows: readonly MetricRow[], key: string): (number | null)[] {
  return rows.map((row) => {
    const value = row[key];
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  });
}

/** Six significant digits: enough for a plot, half the size in a message or a saved notebook. */
function rounded(values: readonly (number | null)[]): (number | null)[] {
  return values.map((value) => (value === null ? null : Number(value.toPrecision(6))));
}

/**
 * Training curves of one run or several, a panel for each entry of `panels`.
 *
 * @param runs metrics by the run's name; with several runs a style belongs to a run, with one run to a metric
 * @param panels the charts; a bare string is a panel of that one metric
 * @throws Error where no row of a finished run has a panel's metric, naming those that there are
 */
export function trainingCurves(
  runs: Readonly<Record<string, readonly MetricRow[]>>,
  panels: readonly (CurvePanel | string)[],
  options: CurvesOptions = {},
): Figure {
  const { step = 'step', smoothing = 0.8, columns = 3 } = options;
  const names = Object.keys(runs);
  const frames: CurvePanel[] = panels.map((p) => (typeof p === 'string' ? { title: p, keys: [p] } : p));
  if (options.total === undefined) checkMetrics(Object.values(runs).flat(), frames);
  const inLegend = new Set<string>();
  const several = names.length > 1;
  const figure = panelFigure(
    frames.map((panel, i) => ({
      title: panel.title,
      xaxis: {
        // Once a column, below its lowest panel.
        ...(i + columns >= frames.length ? { title: { text: step } } : {}),
        ...(options.total === undefined ? {} : { range: [0, options.total] }),
      },
      yaxis: panel.range ? { range: [...panel.range] } : { rangemode: 'tozero' as const },
    })),
    columns,
    (place, index) =>
      names.flatMap((name, run) =>
        frames[index]!.keys.flatMap((key, k): Data[] => {
          // A metric of some steps alone, such as an evaluation's, is a curve through those.
          const rows = runs[name]!.filter((row) => row[key] !== undefined);
          const sparse = rows.length < runs[name]!.length;
          const raw = metricColumn(rows, key);
          const style = seriesStyle(several ? run : k);
          const label = several ? name : key;
          // A panel of one metric says its name in the title; only what the titles don't say goes to the legend.
          const legend = (several || frames[index]!.keys.length > 1) && !inLegend.has(label);
          if (legend) inLegend.add(label);
          const common = {
            type: 'scatter',
            x: metricColumn(rows, step),
            xaxis: place.xaxis,
            yaxis: place.yaxis,
          } as const;
          const line = { color: style.color, width: 2, dash: several || k > 0 ? style.dash : 'solid' } as const;
          return [
            {
              ...common,
              y: rounded(raw),
              mode: 'lines',
              line: { color: withOpacity(style.color, 0.3), width: 1 },
              hoverinfo: 'skip',
              showlegend: false,
              legendgroup: label,
            },
            {
              ...common,
              y: rounded(smoothCurve(raw, smoothing)),
              mode: sparse ? 'lines+markers' : 'lines',
              name: label,
              line,
              showlegend: legend,
              legendgroup: label,
            },
          ];
        }),
      ),
    {
      ...(options.title === undefined ? {} : { title: { text: options.title } }),
      // Keeps a reader's zoom when a live figure is redrawn.
      uirevision: 'kept',
    },
  );
  return figure;
}

/** Refuses a metric that no row has: its panel would stay empty without a word. */
function checkMetrics(rows: readonly MetricRow[], panels: readonly CurvePanel[]): void {
  if (rows.length === 0) return;
  const known = new Set(rows.flatMap((row) => Object.keys(row)));
  for (const { title, keys } of panels) {
    const unknown = keys.find((key) => !known.has(key));
    if (unknown !== undefined)
      throw new Error(`training curves, panel '${title}': no row has '${unknown}'; they have ${[...known].join(', ')}`);
  }
}
