/** Comparisons with 95 % intervals: paradigms, ablations, sweeps. */

import type { Data, Layout } from 'plotly.js';
import { panelFigure } from './panels.js';
import { type Figure, seriesStyle, withOpacity } from './style.js';

/** A measured share with its interval, all as fractions of 1; published numbers have no interval. */
export interface IntervalValue {
  value: number;
  low?: number;
  high?: number;
}

/** The accuracy of one paradigm on one test set. */
export interface ParadigmRow extends IntervalValue {
  /** Such as `CoT-SFT`; a place on the horizontal axis. */
  paradigm: string;
  /** The test set, such as `ID`; a panel. */
  set: string;
  /** Whose number it is, such as `this run` or `paper, 2B`; a bar. `this run` unless told. */
  source?: string;
}

/** The result of one setting of one ablation. */
export interface AblationRow extends IntervalValue {
  /** Such as `group size`; a panel. */
  ablation: string;
  /** Such as `G = 4`; a place on the horizontal axis. */
  setting: string;
  /** Such as `ID`; a series. */
  set: string;
}

/** One point of a sweep over a number. */
export interface SweepRow extends IntervalValue {
  x: number;
  /** The line that this point belongs to. */
  series: string;
}

/** The distinct values in order of first appearance. */
function distinct<T>(values: Iterable<T>): T[] {
  return [...new Set(values)];
}

/** Fractions to percent; says which value is none, where percents were passed by mistake. */
function percent(value: number, what: string): number {
  if (!(value >= 0 && value <= 1)) throw new Error(`${what}: expected a fraction of 1, got ${value}`);
  return 100 * value;
}

/**
 * Error bars, in percent, from the value up to `high` and down to `low`; a row without an interval gets none.
 */
export function intervalBars(rows: readonly IntervalValue[]) {
  const length = (from: number, to: number) => Math.max(0, 100 * (to - from));
  return {
    type: 'data' as const,
    symmetric: false,
    array: rows.map((r) => length(r.value, r.high ?? r.value)),
    arrayminus: rows.map((r) => length(r.low ?? r.value, r.value)),
    visible: rows.some((r) => r.low !== undefined || r.high !== undefined),
    color: '#1A1A1A',
    thickness: 1.2,
    width: 4,
  };
}

/** Accuracy per paradigm, a panel for each test set, a bar for each source (this run, the paper's 2B, ...). */
export function paradigmBars(rows: readonly ParadigmRow[], title?: string): Figure {
  const sets = distinct(rows.map((r) => r.set));
  const sources = distinct(rows.map((r) => r.source ?? 'this run'));
  const paradigms = distinct(rows.map((r) => r.paradigm));
  return panelFigure(
    sets.map((set, i) => ({
      title: set,
      xaxis: { type: 'category' as const, categoryorder: 'array' as const, categoryarray: paradigms },
      yaxis: { range: [0, 100], ...(i === 0 ? { title: { text: 'accuracy (%)' } } : {}) },
    })),
    2,
    (place, index) =>
      sources.map((source, s): Data => {
        const own = rows.filter((r) => r.set === sets[index] && (r.source ?? 'this run') === source);
        const style = seriesStyle(s);
        return {
          type: 'bar',
          name: source,
          legendgroup: source,
          showlegend: sources.length > 1 && index === 0,
          x: own.map((r) => r.paradigm),
          y: own.map((r) => percent(r.value, `accuracy of ${r.paradigm} on ${r.set}`)),
          error_y: intervalBars(own),
          marker: {
            color: style.color,
            line: { color: '#1A1A1A', width: 0.8 },
            pattern: { shape: style.pattern, fillmode: 'overlay', fgcolor: '#FFFFFF', size: 6, solidity: 0.3 },
          },
          xaxis: place.xaxis,
          yaxis: place.yaxis,
          hovertemplate: '%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>',
        };
      }),
    { barmode: 'group', ...(title === undefined ? {} : { title: { text: title } }) },
  );
}

/** Accuracy per setting, a panel for each ablation, points with intervals for each test set. */
export function ablationPoints(rows: readonly AblationRow[], title?: string): Figure {
  const ablations = distinct(rows.map((r) => r.ablation));
  const sets = distinct(rows.map((r) => r.set));
  return panelFigure(
    ablations.map((ablation, i) => ({
      title: ablation,
      xaxis: { type: 'category' as const },
      yaxis: { rangemode: 'tozero' as const, ...(i % 3 === 0 ? { title: { text: 'accuracy (%)' } } : {}) },
    })),
    3,
    (place, index) =>
      sets.map((set, s): Data => {
        const own = rows.filter((r) => r.ablation === ablations[index] && r.set === set);
        const style = seriesStyle(s);
        return {
          type: 'scatter',
          mode: 'lines+markers',
          name: set,
          legendgroup: set,
          offsetgroup: set,
          showlegend: index === 0,
          x: own.map((r) => r.setting),
          y: own.map((r) => percent(r.value, `accuracy of ${r.ablation}, ${r.setting} on ${r.set}`)),
          error_y: { ...intervalBars(own), color: style.color },
          // Settings are categories: a faint line only leads the eye from one to the next.
          line: { color: withOpacity(style.color, 0.35), width: 1, dash: style.dash },
          marker: { symbol: style.marker, size: 9, color: style.color },
          xaxis: place.xaxis,
          yaxis: place.yaxis,
          hovertemplate: '%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>',
        } as Data;
      }),
    // Sets stand side by side within a setting, or their intervals would hide one another. (The types of plotly.js lack
    // grouped scatter traces.)
    {
      scattermode: 'group',
      scattergap: 0.6,
      ...(title === undefined ? {} : { title: { text: title } }),
    } as Partial<Layout>,
  );
}

/** Accuracy over a swept number (training rows, group size, ...), one line with intervals for each series. */
export function sweepLines(
  rows: readonly SweepRow[],
  options: { xTitle: string; yTitle?: string; title?: string; logX?: boolean },
): Figure {
  const names = distinct(rows.map((r) => r.series));
  const ticks = distinct(rows.map((r) => r.x)).sort((a, b) => a - b);
  return panelFigure(
    [
      {
        title: '',
        xaxis: { title: { text: options.xTitle }, type: options.logX ? 'log' : 'linear', tickvals: ticks },
        yaxis: { title: { text: options.yTitle ?? 'accuracy (%)' }, rangemode: 'tozero' },
      },
    ],
    1,
    (place) =>
      names.map((name, s): Data => {
        const own = rows.filter((r) => r.series === name).sort((a, b) => a.x - b.x);
        const style = seriesStyle(s);
        return {
          type: 'scatter',
          mode: 'lines+markers',
          name,
          showlegend: names.length > 1,
          x: own.map((r) => r.x),
          y: own.map((r) => percent(r.value, `${name} at ${options.xTitle} ${r.x}`)),
          error_y: { ...intervalBars(own), color: style.color },
          line: { color: style.color, width: 2, dash: style.dash },
          marker: { symbol: style.marker, size: 8, color: style.color },
          xaxis: place.xaxis,
          yaxis: place.yaxis,
        };
      }),
    options.title === undefined ? {} : { title: { text: options.title } },
  );
}
