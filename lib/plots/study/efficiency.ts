/** Data efficiency: accuracy over training rows on a log axis, with a line for each paradigm and a level for zero-shot. */

import type { Data } from 'plotly.js';
import { EFFICIENCY_PARADIGMS } from '../../study/design/data-efficiency.js';
import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import type { EfficiencyPoint, Estimate, ParadigmResult } from '../../study/results/results.js';
import { TEST_SET_NAMES, type TestSet } from '../../tasks/tasks.js';
import { panelFigure } from '../panels.js';
import { type Figure, withOpacity } from '../style.js';
import { paradigmStyle } from './paradigm-style.js';

/** A number of rows in few characters: `400`, `1.6k`, `12.8k`. */
export function rowsText(rows: number): string {
  return rows < 1000 ? String(rows) : `${Number((rows / 1000).toFixed(1))}k`;
}

/**
 * The names of the ticks. From the largest size down, a tick has a name if it lies far enough from the last one with a name; the
 * others stay without.
 *
 * @param leastDistance the least distance, as a share of the axis
 */
function tickNames(sizes: readonly number[], leastDistance: number): string[] {
  const span = Math.log(sizes.at(-1)! / sizes[0]!);
  let lastNamed = Number.POSITIVE_INFINITY;
  const names = sizes.toReversed().map((rows) => {
    if (Math.log(lastNamed / rows) < leastDistance * span) return '';
    lastNamed = rows;
    return rowsText(rows);
  });
  return names.toReversed();
}

/** The share of a panel's width that a name such as `12.8k` takes if the panel has the figure for itself. */
const NAME_WIDTH = 0.058;

/**
 * Draws one panel for each test set.
 *
 * @param points of one task
 * @param zeroShot the same task's zero-shot results, a level that needs no training rows
 * @param marked a number of rows at which a vertical line stands, with its name: `5 % (160)`
 */
export function efficiencyFigure(
  points: readonly EfficiencyPoint[],
  zeroShot: readonly ParadigmResult[],
  sets: readonly TestSet[],
  title: string,
  marked?: { rows: number; name: string },
): Figure {
  const sizes = [...new Set(points.map((point) => point.rows))].sort((a, b) => a - b);
  const paradigms = EFFICIENCY_PARADIGMS.filter((paradigm) => points.some((point) => point.paradigm === paradigm));
  const ends = [sizes[0]! / 1.25, sizes.at(-1)! * 1.25];
  const highest = Math.max(...[...points, ...zeroShot].map(({ accuracy }) => accuracy.interval[1]));
  const top = Math.min(100, 10 * Math.ceil(10 * highest + 0.5));
  const figure = panelFigure(
    sets.map((set, i) => ({
      title: TEST_SET_NAMES[set],
      xaxis: {
        ...{
          type: 'log',
          range: ends.map(Math.log10),
          tickvals: sizes,
          ticktext: tickNames(sizes, NAME_WIDTH * sets.length),
        },
        ...{ title: { text: 'training rows' } },
      },
      yaxis: { range: [0, top], ...(i === 0 ? { title: { text: 'accuracy (%)' } } : {}) },
    })),
    sets.length,
    ({ xaxis, yaxis }, index): Data[] => {
      const zeroShotAccuracy = zeroShot.find((row) => row.testSet === sets[index])?.accuracy;
      const lines = paradigms.map((paradigm, p) => {
        // Side by side, or intervals at one size would hide one another; 4 % of the rows is no distance on a log axis.
        const shift = 1.04 ** (p - (paradigms.length - 1) / 2);
        const pointsOfParadigm = points
          .filter((point) => point.paradigm === paradigm && point.testSet === sets[index])
          .sort((a, b) => a.rows - b.rows);
        const style = paradigmStyle(paradigm);
        return {
          ...{ type: 'scatter', mode: 'lines+markers', xaxis, yaxis, legendgroup: paradigm, showlegend: index === 0 },
          ...{ name: PARADIGM_NAMES[paradigm], customdata: pointsOfParadigm.map(({ rows }) => rows) },
          x: pointsOfParadigm.map(({ rows }) => rows * shift),
          y: pointsOfParadigm.map(({ accuracy }) => 100 * accuracy.mean),
          error_y: { ...errorBars(pointsOfParadigm.map(({ accuracy }) => accuracy)), color: style.color },
          line: { color: style.color, width: 2, dash: style.dash },
          marker: { symbol: style.marker, size: 8, color: style.color },
          hovertemplate: '%{customdata} rows: %{y:.1f} %<extra>%{fullData.name}</extra>',
        } as Data;
      });
      return [
        ...(zeroShotAccuracy ? levelTraces(zeroShotAccuracy, ends, { xaxis, yaxis }, index === 0) : []),
        ...(marked ? [verticalLine(marked.rows, top, { xaxis, yaxis })] : []),
        ...lines,
      ];
    },
    { title: { text: title }, height: 400 },
  );
  if (marked) {
    // Annotations on a log axis are placed by the logarithm.
    for (const i of sets.keys()) {
      figure.layout.annotations!.push({
        ...{ text: marked.name, x: Math.log10(marked.rows), xref: i === 0 ? 'x' : (`x${i + 1}` as 'x'), y: top },
        ...{ yref: i === 0 ? 'y' : (`y${i + 1}` as 'y'), xanchor: 'left', yanchor: 'top', xshift: 3, showarrow: false },
        font: { size: 11, color: '#555555' },
      });
    }
  }
  return figure;
}

/** Plotly's error bars for intervals, in percent. */
function errorBars(estimates: readonly Estimate[]) {
  return {
    ...{ type: 'data' as const, symmetric: false, thickness: 1.2, width: 3, visible: true },
    array: estimates.map(({ mean, interval }) => 100 * Math.max(0, interval[1] - mean)),
    arrayminus: estimates.map(({ mean, interval }) => 100 * Math.max(0, mean - interval[0])),
  };
}

/** A level across the panel, with its interval as a band. */
function levelTraces(
  { mean, interval: [low, high] }: Estimate,
  ends: readonly number[],
  place: { xaxis: string; yaxis: string },
  showlegend: boolean,
): Data[] {
  const style = paradigmStyle('zero-shot');
  const [first, last] = ends as [number, number];
  const group = { type: 'scatter', mode: 'lines', legendgroup: 'zero-shot', ...place } as const;
  return [
    {
      ...{ ...group, x: [first, last, last, first], y: [low, low, high, high].map((share) => 100 * share) },
      ...{ fill: 'toself', fillcolor: withOpacity(style.color, 0.1), line: { width: 0 }, hoverinfo: 'skip' },
      showlegend: false,
    } as Data,
    {
      ...{ ...group, name: PARADIGM_NAMES['zero-shot'], showlegend, x: [first, last], y: [100 * mean, 100 * mean] },
      ...{
        line: { color: style.color, width: 1.5, dash: 'longdash' },
        hovertemplate: '%{y:.1f} %<extra>Zero-shot</extra>',
      },
    } as Data,
  ];
}

function verticalLine(x: number, top: number, place: { xaxis: string; yaxis: string }): Data {
  return {
    ...{ type: 'scatter', mode: 'lines', ...place, x: [x, x], y: [0, top], hoverinfo: 'skip', showlegend: false },
    line: { color: '#888888', width: 1, dash: 'dot' },
  } as Data;
}
