/** The balance of a data set at a glance: the share of rows of each answer, question family or other property. */

import type { Data } from 'plotly.js';
import { panelFigure } from './panels.js';
import { type Figure, seriesStyle } from './style.js';

/**
 * Counts the rows of each value of `key`. Numbers stand in numeric order, other values in alphabetical order. Rows without the key
 * count under `(none)`.
 */
export function countValues(rows: readonly object[], key: string): [string, number][] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const value = (row as Record<string, unknown>)[key];
    const name = value === undefined || value === null ? '(none)' : String(value);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * Draws the share of rows of each value: a panel for each key (such as `answer` and `family`), a bar for each split. Splits of unlike
 * size can be compared by shares, not by counts; hovering shows the count.
 *
 * @param splits rows by the split's name
 */
export function balanceBars(
  splits: Readonly<Record<string, readonly object[]>>,
  keys: readonly string[],
  title?: string,
): Figure {
  const names = Object.keys(splits);
  return panelFigure(
    keys.map((key, i) => ({
      title: key,
      xaxis: {
        type: 'category' as const,
        categoryorder: 'array' as const,
        categoryarray: countValues(Object.values(splits).flat(), key).map(([value]) => value),
      },
      yaxis: { ticksuffix: ' %', rangemode: 'tozero' as const, ...(i === 0 ? { title: { text: 'rows' } } : {}) },
    })),
    2,
    (place, index) =>
      names.map((name, s): Data => {
        const rows = splits[name]!;
        const counts = countValues(rows, keys[index]!);
        const style = seriesStyle(s);
        return {
          type: 'bar',
          name,
          legendgroup: name,
          showlegend: names.length > 1 && index === 0,
          x: counts.map(([value]) => value),
          y: counts.map(([, n]) => (100 * n) / rows.length),
          customdata: counts.map(([, n]) => n),
          hovertemplate: '%{x}: %{customdata} rows, %{y:.1f}<extra>%{fullData.name}</extra>',
          marker: {
            color: style.color,
            line: { color: '#1A1A1A', width: 0.8 },
            pattern: { shape: style.pattern, fillmode: 'overlay', fgcolor: '#FFFFFF', size: 6, solidity: 0.3 },
          },
          xaxis: place.xaxis,
          yaxis: place.yaxis,
        };
      }),
    { barmode: 'group', ...(title === undefined ? {} : { title: { text: title } }) },
  );
}
