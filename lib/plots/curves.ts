/** Curves over training steps: every value as a point where it is, and over them the mean of the steps around each. */

import type { Data } from 'plotly.js';
import { type PanelPlace, panelFigure } from './panels.js';
import { type Figure, type SeriesStyle, seriesStyle, withOpacity } from './style.js';

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
  /** Steps that the bold line takes the mean of, an odd number; 1 draws none. Default: a twentieth of the run, and 5 or more. */
  window?: number;
  columns?: number;
}

/** The steps that curves of so many steps take means of: a twentieth, and 5 or more; an odd number. */
export function windowOf(steps: number): number {
  return Math.max(5, 2 * Math.floor(steps / 40) + 1);
}

/**
 * The mean of the values around each, of fewer at either end. Unlike a weighted mean of the past it does not lag behind them. A gap
 * stays a gap, and no mean counts it.
 *
 * @param window the values of one mean, an odd number
 */
export function runningMean<V extends number | null>(values: readonly V[], window: number): V[] {
  if (!(Number.isInteger(window) && window % 2 === 1 && window > 0))
    throw new Error(`running mean: the window must be an odd whole number, such as 5, got ${window}`);
  const reach = (window - 1) / 2;
  return values.map((value, i) => {
    if (value === null) return value;
    const neighbours = values.slice(Math.max(0, i - reach), i + reach + 1).filter((near) => near !== null);
    return (neighbours.reduce((sum, near) => sum + near, 0) / neighbours.length) as V;
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
 * Training curves of one run or several, a panel for each entry of `panels`. Each value is a point where it is. A metric of every step
 * has a bold line too, the mean of the steps around each. A metric of some steps alone, such as an evaluation's, has none: its points
 * are joined as they are.
 *
 * @param runs metrics by the run's name; with several runs a style belongs to a run, with one run to a metric
 * @param panels the charts; a bare string is a panel of that one metric. With several runs each metric has a panel of its own
 * @throws Error where no row of a finished run has a panel's metric, naming those that there are
 */
export function trainingCurves(
  runs: Readonly<Record<string, readonly MetricRow[]>>,
  panels: readonly (CurvePanel | string)[],
  options: CurvesOptions = {},
): Figure {
  const { step = 'step', columns = 3, total } = options;
  const names = Object.keys(runs);
  const frames = curvePanels(panels, names.length);
  const rows = Object.values(runs).flat();
  if (total === undefined) checkMetrics(rows, frames);
  const underWay = total !== undefined && !rows.some((row) => row[step] === total);
  const logged = new Set(rows.flatMap((row) => Object.keys(row)));
  const isLogged = ({ keys }: CurvePanel) => keys.some((key) => logged.has(key));
  const window = options.window ?? windowOf(total ?? Math.max(0, ...Object.values(runs).map((run) => run.length)));
  const inLegend = new Set<string>();
  const several = names.length > 1;
  let hasMeans = false;
  const curve = (name: string, key: string, style: SeriesStyle, inTitle: boolean, place: PanelPlace): Data[] => {
    const drawn = runs[name]!.filter((row) => row[key] !== undefined);
    if (drawn.length === 0) return [];
    // What is measured now and then is known by its name too, should it be measured after every step. Before the first, at step 0, nothing
    // but the start is evaluated.
    const stepsLogged = runs[name]!.filter((row) => row[step] !== 0).length;
    const everyStep = drawn.length === stepsLogged && !key.startsWith('eval_');
    const values = metricColumn(drawn, key);
    const label = several ? name : key;
    // A panel of one metric says its name in the title; only what the titles don't say goes to the legend.
    const showlegend = !inTitle && !inLegend.has(label);
    if (showlegend) inLegend.add(label);
    const { color } = style;
    const common = {
      // A point on the edge of the axes, such as a share of 1, is drawn whole.
      ...{ type: 'scatter', x: metricColumn(drawn, step), legendgroup: label, cliponaxis: false },
      ...{ xaxis: place.xaxis, yaxis: place.yaxis },
    } as const;
    const bold = { color, width: 2, dash: style.dash } as const;
    if (!everyStep) {
      const marker = { color, size: 7, symbol: style.marker };
      return [
        { ...common, y: rounded(values), mode: 'lines+markers', name: label, line: bold, marker, showlegend } as Data,
      ];
    }
    const raw = {
      ...{ ...common, y: rounded(values), mode: 'lines+markers', name: `${label}, each step`, showlegend: false },
      line: { color: withOpacity(color, 0.3), width: 1 },
      marker: { color: withOpacity(color, 0.55), size: 3.5 },
    } as Data;
    if (window === 1) return [{ ...raw, name: label, showlegend } as Data];
    hasMeans = true;
    const mean = { ...common, y: rounded(runningMean(values, window)), mode: 'lines', name: label, line: bold };
    return [raw, { ...mean, showlegend } as Data];
  };
  const figure = panelFigure(
    frames.map((panel, i) => ({
      // A panel without a curve says why it is empty.
      title:
        rows.length === 0 || isLogged(panel) ? panel.title : `${panel.title} (not logged${underWay ? ' yet' : ''})`,
      xaxis: {
        // Once a column, below its lowest panel.
        ...(i + columns >= frames.length ? { title: { text: step } } : {}),
        ...(total === undefined ? {} : { range: [0, 1.02 * total] }),
      },
      // Numbers on an axis without a curve would say something, and be wrong.
      yaxis: !isLogged(panel)
        ? { range: [0, 1], showticklabels: false }
        : panel.range
          ? { range: [...panel.range] }
          : { rangemode: 'tozero' as const },
    })),
    columns,
    (place, index) => {
      const { keys } = frames[index]!;
      return names.flatMap((name, run) =>
        keys.flatMap((key, k) => {
          const style = seriesStyle(several ? run : k);
          return curve(
            name,
            key,
            several || k > 0 ? style : { ...style, dash: 'solid' },
            !several && keys.length === 1,
            place,
          );
        }),
      );
    },
    {
      ...(options.title === undefined ? {} : { title: { text: options.title } }),
      // Keeps a reader's zoom when a live figure is redrawn.
      uirevision: 'kept',
    },
    0.36 / Math.max(2, Math.ceil(frames.length / columns)),
  );
  if (hasMeans) figure.data.push(...lineLegend(window));
  return figure;
}

/**
 * The charts as they are drawn. Where several runs lie over each other the style says which run a curve is of, and nothing could say which
 * metric; so each metric then has a chart of its own, named by the metric but for the first of a chart.
 */
export function curvePanels(panels: readonly (CurvePanel | string)[], runs: number): CurvePanel[] {
  const whole: CurvePanel[] = panels.map((panel) =>
    typeof panel === 'string' ? { title: panel, keys: [panel] } : panel,
  );
  if (runs === 1) return whole;
  return whole.flatMap((panel) =>
    panel.keys.map((key, k) => ({ ...panel, title: k === 0 ? panel.title : key, keys: [key] })),
  );
}

/** Says in the legend which points and which line are which. The two entries belong to no run, so they are grey and draw nothing. */
function lineLegend(window: number): Data[] {
  const entry = { type: 'scatter' as const, x: [null], y: [null], hoverinfo: 'skip' as const, showlegend: true };
  const grey = '#666666';
  return [
    {
      ...entry,
      mode: 'lines+markers',
      name: 'each step',
      line: { color: grey, width: 1 },
      marker: { color: grey, size: 3.5 },
    },
    { ...entry, mode: 'lines', name: `mean of ${window} steps`, line: { color: grey, width: 2 } },
  ] as Data[];
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
