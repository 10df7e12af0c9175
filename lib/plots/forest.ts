/** Forest plots: a line for each setting, with a dot and its 95 % interval. Names stand level and whole to the left of the chart. */

import type { Annotations, Data, Layout, LayoutAxis } from 'plotly.js';
import { type Figure, figureTemplate, type StackMeta, seriesStyle } from './style.js';
import { plotlyText, wrapLines } from './text.js';

/** One dot. Its numbers are shares or differences of shares, as fractions of 1. */
export interface ForestPoint {
  value: number;
  /** The ends of its interval; a published number has none. */
  low?: number;
  high?: number;
  /** The title of the panel that it stands in. */
  panel: string;
  /** The series that it belongs to, which has a marker. A series without any interval, such as published numbers, is drawn hollow. */
  series: string;
  /** The values that it is the mean of, drawn as small ticks over the dot. */
  seeds?: readonly number[];
}

export interface ForestRow {
  label: string;
  /** Whether others are compared with this row. It is bold then, and a dotted guide runs at its value through the lines of its group. */
  marked?: boolean;
  points: readonly ForestPoint[];
}

/** Lines under one heading. */
export interface ForestGroup {
  title?: string;
  rows: readonly ForestRow[];
}

export interface ForestPanel {
  title: string;
  /** Below the horizontal axis. */
  axis: string;
  /** The ends of the horizontal axis, in percent; default: as wide as the points. */
  range?: readonly [number, number];
  /** Whether a vertical line marks zero, as panels of differences need. */
  markZero?: boolean;
}

/** Pixels from one line of the chart to the next where there is one series. */
const ROW_HEIGHT = 24;
/** Pixels that each further series adds to that. */
const EXTRA_PER_SERIES = 6;
/** Pixels between the dots of two series on one line. */
const SERIES_OFFSET = 8;
/** Pixels from a dot up to the ticks of its seeds. */
const SEED_TICK_OFFSET = 8;
/** Pixels above the chart, for the titles. */
const HEAD_HEIGHT = 74;
/** Pixels below the chart, for the horizontal axis. */
const FOOT_HEIGHT = 58;
/** Pixels that a legend adds below the axis. */
const LEGEND_HEIGHT = 32;
/** Share of the chart's width between two panels. */
const GAP = 0.05;
/** Pixels between two panels in one column: tick labels, the axis's name, and the next title. */
const STACK_GAP = 82;
/** Pixels in which the ticks of an axis do not touch. */
const LEAST_PANEL = 162;
/** Pixels of a character of a panel's title. */
const TITLE_CHARACTER_WIDTH = 6;
/** A name of more characters than this is broken into lines. */
const WRAP_AT = 36;
/** The least number of pixels between lines of the chart if a name takes two lines of text. */
const TWO_LINES_HEIGHT = 36;
/** Pixels that a character of 12-pixel type takes in the widest usual font. With it no name reaches into the chart. */
const CHARACTER_WIDTH = 7;

/**
 * Draws groups of lines with their panels side by side. The layout holds the height that the lines take.
 *
 * @param panels columns, from the left
 * @throws Error naming the line whose value is no fraction, or whose panel is none of `panels`
 */
export function forestFigure(groups: readonly ForestGroup[], panels: readonly ForestPanel[], title: string): Figure {
  checkPanels(groups, panels);
  const series = [...new Set(groups.flatMap((g) => g.rows.flatMap((r) => r.points.map((p) => p.series))))];
  const lines = layOutLines(groups);
  const labels = lines.map(({ text }) => wrapLines(text, WRAP_AT));
  const labelWidth = 14 + CHARACTER_WIDTH * Math.max(1, ...labels.flat().map((text) => text.length));
  const lastY = lines.at(-1)?.y ?? 0;
  const rowHeight = Math.max(
    ROW_HEIGHT + EXTRA_PER_SERIES * (series.length - 1),
    labels.some((label) => label.length > 1) ? TWO_LINES_HEIGHT : 0,
  );
  const footHeight = FOOT_HEIGHT + (series.length > 1 ? LEGEND_HEIGHT : 0);
  const data: Data[] = [];
  const inLegend = new Set<string>();
  panels.forEach((panel, p) => {
    const axisNumber = p === 0 ? '' : String(p + 1);
    const axisNames = { xaxis: `x${axisNumber}`, yaxis: `y${axisNumber}` };
    data.push(...guideTraces(lines, panel, axisNames));
    for (const [s, name] of series.entries()) {
      const drawn = lines.flatMap(({ row, y }) =>
        (row?.points ?? [])
          .filter((point) => point.panel === panel.title && point.series === name)
          .map((point) => ({
            point,
            label: row!.label,
            y: y + ((s - (series.length - 1) / 2) * SERIES_OFFSET) / rowHeight,
          })),
      );
      if (drawn.length === 0) continue;
      data.push(
        ...seriesTraces(
          drawn,
          name,
          s,
          axisNames,
          series.length > 1 && !inLegend.has(name),
          SEED_TICK_OFFSET / rowHeight,
        ),
      );
      inLegend.add(name);
    }
  });
  const sizes = { labelWidth, footHeight, chartHeight: rowHeight * (lastY + 1.2) };
  const common = {
    template: figureTemplate,
    title: { text: plotlyText(title), x: 0, xref: 'container' as const, pad: { l: 16, t: 14 } },
    margin: { l: labelWidth + 16, r: 20, t: HEAD_HEIGHT, b: footHeight },
    legend: { x: 0.02, xref: 'container' } as Figure['layout']['legend'],
  };
  const layOut = (columns: number) => ({ ...common, ...placePanels(panels, lines, labels, sizes, columns) });
  if (panels.length === 1) return { data, layout: layOut(1) };
  const panelWidth = Math.max(LEAST_PANEL, ...panels.map((panel) => TITLE_CHARACTER_WIDTH * panel.title.length));
  const leastWidth = Math.ceil(labelWidth + 36 + (panels.length * panelWidth) / (1 - GAP * (panels.length - 1)));
  const meta: StackMeta = { columns: panels.length, leastWidth, stacked: layOut(1) };
  return { data, layout: { ...layOut(panels.length), meta } };
}

/** The axes, names and titles of panels side by side, or in one column, where each has the names of its lines beside it. */
function placePanels(
  panels: readonly ForestPanel[],
  lines: readonly Line[],
  labels: readonly string[][],
  sizes: { labelWidth: number; footHeight: number; chartHeight: number },
  columns: number,
): Partial<Layout> {
  const { labelWidth, footHeight, chartHeight } = sizes;
  const rows = panels.length / columns;
  const plotHeight = rows * chartHeight + (rows - 1) * STACK_GAP;
  const width = (1 - GAP * (columns - 1)) / columns;
  const lastY = lines.at(-1)?.y ?? 0;
  const layout: Record<string, Partial<LayoutAxis>> = {};
  const annotations: Partial<Annotations>[] = [];
  panels.forEach((panel, p) => {
    const axisNumber = p === 0 ? '' : String(p + 1);
    const left = (p % columns) * (width + GAP);
    const top = 1 - (Math.floor(p / columns) * (chartHeight + STACK_GAP)) / plotHeight;
    if (p % columns === 0)
      annotations.push(...lineNames(lines, labels, labelWidth, `y${axisNumber}` as Annotations['yref']));
    layout[`xaxis${axisNumber}`] = {
      ...{
        domain: [left, left + width],
        anchor: `y${axisNumber}` as LayoutAxis['anchor'],
        title: { text: panel.axis },
      },
      ...(panel.range ? { range: [...panel.range] } : panel.markZero ? { rangemode: 'tozero' as const } : {}),
      ...{ showgrid: true, zeroline: panel.markZero ?? false, zerolinecolor: '#1A1A1A', zerolinewidth: 1.2, nticks: 6 },
    };
    layout[`yaxis${axisNumber}`] = {
      ...{
        domain: [Math.max(0, top - chartHeight / plotHeight), top],
        anchor: `x${axisNumber}` as LayoutAxis['anchor'],
        range: [lastY + 0.6, -0.6],
        showticklabels: false,
      },
      ...{ ticks: '' as const, tickvals: lines.filter((line) => line.row).map((line) => line.y), showline: true },
      ...{ gridcolor: '#F0F0F0' },
    };
    annotations.push({
      text: plotlyText(panel.title),
      ...{ x: left, xref: 'paper' as const, xanchor: 'left' as const },
      ...{
        y: top,
        yref: 'paper' as const,
        yanchor: 'bottom' as const,
        yshift: 4,
        showarrow: false,
        font: { size: 13 },
      },
    });
  });
  return { ...layout, annotations, height: Math.ceil(HEAD_HEIGHT + footHeight + plotHeight) };
}

/** The names of the lines, level with them to the left of a chart. */
function lineNames(
  lines: readonly Line[],
  labels: readonly string[][],
  labelWidth: number,
  yref: Annotations['yref'],
): Partial<Annotations>[] {
  return lines.map((line, i) => ({
    text: labelText(labels[i]!, line.row !== undefined && !line.row.marked),
    align: 'left' as const,
    ...{ x: 0, xref: 'paper' as const, xanchor: 'left' as const, xshift: line.row ? 8 - labelWidth : -labelWidth },
    ...{ y: line.y, yref, yanchor: 'middle' as const, showarrow: false, font: { size: 12 } },
  }));
}

/** Refuses a point of an unknown panel, which would not be drawn. */
function checkPanels(groups: readonly ForestGroup[], panels: readonly ForestPanel[]): void {
  const titles = panels.map(({ title }) => title);
  for (const { label, points } of groups.flatMap(({ rows }) => rows)) {
    const stray = points.find(({ panel }) => !titles.includes(panel));
    if (stray) throw new Error(`${label}: there is no panel '${stray.panel}'; there are ${titles.join(', ')}`);
  }
}

/** The lines of a name; headings and marked rows are bold. */
function labelText(lines: readonly string[], plain: boolean): string {
  const text = lines.map(plotlyText).join('<br>');
  return plain ? text : `<b>${text}</b>`;
}

interface Line {
  text: string;
  /** Absent for a heading. */
  row?: ForestRow;
  y: number;
  group: number;
}

/** A line for each heading and row, from the top; half a line of air between groups. */
function layOutLines(groups: readonly ForestGroup[]): Line[] {
  const lines: Line[] = [];
  let y = 0;
  groups.forEach((group, g) => {
    if (g > 0) y += 0.5;
    if (group.title !== undefined) lines.push({ text: group.title, y: y++, group: g });
    for (const row of group.rows) lines.push({ text: row.label, row, y: y++, group: g });
  });
  return lines;
}

/** A dotted line through each group at the value of its marked row. */
function guideTraces(lines: readonly Line[], panel: ForestPanel, axisNames: { xaxis: string; yaxis: string }): Data[] {
  return lines.flatMap((marked) => {
    const point = marked.row?.marked ? marked.row.points.find((p) => p.panel === panel.title) : undefined;
    if (!point) return [];
    const ys = lines.filter((line) => line.group === marked.group && line.row).map((line) => line.y);
    const x = percentOf(point.value, marked.text);
    return [
      {
        ...{
          type: 'scatter',
          mode: 'lines',
          ...axisNames,
          x: [x, x],
          y: [Math.min(...ys) - 0.5, Math.max(...ys) + 0.5],
        },
        ...{ line: { color: '#666666', width: 1, dash: 'dot' }, hoverinfo: 'skip', showlegend: false },
      } as Data,
    ];
  });
}

/** The dots of a series with their intervals, and the ticks of their seeds. */
function seriesTraces(
  drawn: readonly { point: ForestPoint; label: string; y: number }[],
  name: string,
  index: number,
  axisNames: { xaxis: string; yaxis: string },
  showlegend: boolean,
  tickOffset: number,
): Data[] {
  const style = seriesStyle(index);
  const points = drawn.map(({ point }) => point);
  const hollow = points.every((point) => point.low === undefined && point.high === undefined);
  const ticks = drawn.flatMap(({ point, label, y }) =>
    (point.seeds ?? []).map((seed) => ({ x: percentOf(seed, label), y: y - tickOffset, label })),
  );
  const length = (from: number, to: number) => Math.max(0, 100 * (to - from));
  return [
    {
      ...{ type: 'scatter', mode: 'markers', name, legendgroup: name, showlegend, ...axisNames, cliponaxis: false },
      x: drawn.map(({ point, label }) => percentOf(point.value, label)),
      y: drawn.map(({ y }) => y),
      error_x: {
        ...{ type: 'data', symmetric: false, visible: !hollow, color: style.color, thickness: 1.6, width: 4 },
        array: points.map((point) => length(point.value, point.high ?? point.value)),
        arrayminus: points.map((point) => length(point.low ?? point.value, point.value)),
      },
      marker: {
        ...{ symbol: hollow ? `${style.marker}-open` : style.marker, size: 9, color: style.color },
        line: { color: style.color, width: hollow ? 1.8 : 0 },
      },
      text: drawn.map(({ label }) => plotlyText(label)),
      hovertemplate: '%{text}: %{x:.1f}<extra>%{fullData.name}</extra>',
    } as unknown as Data,
    ...(ticks.length === 0
      ? []
      : [
          {
            ...{
              type: 'scatter',
              mode: 'markers',
              name: `${name}, a seed`,
              legendgroup: name,
              showlegend: false,
              ...axisNames,
            },
            ...{
              x: ticks.map(({ x }) => x),
              y: ticks.map(({ y }) => y),
              text: ticks.map(({ label }) => plotlyText(label)),
            },
            marker: { symbol: 'line-ns-open', size: 6, color: style.color, line: { color: style.color, width: 1.2 } },
            hovertemplate: '%{text}: %{x:.1f}<extra>a seed</extra>',
          } as Data,
        ]),
  ];
}

/** Fractions to percent. A value in percent, passed by mistake, is an error that names its line. */
function percentOf(value: number, line: string): number {
  if (!(value >= -1 && value <= 1)) throw new Error(`${line}: expected a fraction of 1, got ${value}`);
  return 100 * value;
}
