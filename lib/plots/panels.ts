/** Several small charts in one figure: the place and the title of each. */

import type { Annotations, Layout, LayoutAxis } from 'plotly.js';
import { type Figure, figureTemplate, type PanelMeta } from './style.js';

/** One panel of a grid: the names that its traces carry, and its share of the figure, 0 to 1 from the lower left. */
export interface PanelPlace {
  /** `x`, `x2`, ... for a trace's `xaxis`. */
  xaxis: string;
  /** `y`, `y2`, ... for a trace's `yaxis`. */
  yaxis: string;
  x: [number, number];
  y: [number, number];
}

/** Shares of the figure's width and height that lie between panels. */
const GAP_X = 0.08;
const GAP_Y = 0.18;

/**
 * Places `count` panels on a grid that fills by rows from the upper left.
 *
 * @param gapX the space between two columns, as a share of the figure's width
 * @param gapY the space between two rows, as a share of the figure's height
 */
export function panelGrid(count: number, columns: number, gapX = GAP_X, gapY = GAP_Y): PanelPlace[] {
  const rows = Math.ceil(count / columns);
  const width = (1 - gapX * (columns - 1)) / columns;
  const height = (1 - gapY * (rows - 1)) / rows;
  return Array.from({ length: count }, (_, i) => {
    const left = (i % columns) * (width + gapX);
    const top = 1 - Math.floor(i / columns) * (height + gapY);
    const axisNumber = i === 0 ? '' : String(i + 1);
    return { xaxis: `x${axisNumber}`, yaxis: `y${axisNumber}`, x: [left, left + width], y: [top - height, top] };
  });
}

/** The title and the axes of one panel. */
export interface PanelFrame {
  title: string;
  xaxis?: Partial<LayoutAxis>;
  yaxis?: Partial<LayoutAxis>;
}

/**
 * Draws a figure of panels: `traces(place, i)` gives the traces of panel `i` on the axes of its place.
 *
 * @param gapY the space between two rows, as a share of the figure's height
 */
export function panelFigure(
  frames: readonly PanelFrame[],
  columns: number,
  traces: (place: PanelPlace, index: number) => Figure['data'],
  layout: Partial<Layout> = {},
  gapY?: number,
): Figure {
  const places = panelGrid(frames.length, Math.min(columns, frames.length), undefined, gapY);
  const axes: Record<string, Partial<LayoutAxis>> = {};
  const titles: Partial<Annotations>[] = [];
  const data: Figure['data'] = [];
  frames.forEach((frame, i) => {
    const place = places[i]!;
    const axisNumber = i === 0 ? '' : String(i + 1);
    axes[`xaxis${axisNumber}`] = { ...frame.xaxis, domain: place.x, anchor: place.yaxis as LayoutAxis['anchor'] };
    axes[`yaxis${axisNumber}`] = { ...frame.yaxis, domain: place.y, anchor: place.xaxis as LayoutAxis['anchor'] };
    titles.push({
      text: frame.title,
      x: place.x[0],
      y: place.y[1],
      xref: 'paper',
      yref: 'paper',
      xanchor: 'left',
      yanchor: 'bottom',
      yshift: 4,
      showarrow: false,
      font: { size: 13 },
    });
    data.push(...traces(place, i));
  });
  const meta: PanelMeta = { panels: frames.length, columns: Math.min(columns, frames.length), gapY: gapY ?? GAP_Y };
  return { data, layout: { template: figureTemplate, ...axes, annotations: titles, meta, ...layout } };
}

/** Pixels that a panel's title and its tick labels need. */
const LEAST_PANEL = 190;
/** Pixels between two columns, for the tick labels of the right one. */
const LEAST_GAP = 64;
/** Of a panel that stands alone in its row: flat enough for a figure of three to fit on a page, high enough for four tick labels. */
const STACKED_ASPECT = 0.42;

/** The columns that a figure's panels stand in on so many pixels; undefined where it has no panels to move. */
export function fittingColumns({ layout }: Figure, width: number): number | undefined {
  const { meta } = layout;
  if (meta?.columns === undefined) return undefined;
  if ('stacked' in meta) return width < meta.leastWidth ? 1 : meta.columns;
  const { l, r } = marginsOf(layout);
  return Math.max(1, Math.min(meta.columns, Math.floor((width - l - r + LEAST_GAP) / (LEAST_PANEL + LEAST_GAP))));
}

/**
 * The figure with its panels in fewer columns where so many pixels are too few for its own, and higher for it. Panels that were higher
 * than a stack of them needs get flatter. A figure that has no panels, or room enough, is returned as it is.
 *
 * @param height of the figure as it was made, in pixels
 */
export function fitPanels(figure: Figure, width: number, height: number): { figure: Figure; height: number } {
  const columns = fittingColumns(figure, width);
  const { meta } = figure.layout;
  if (columns === undefined || meta === undefined || columns === meta.columns) return { figure, height };
  if ('stacked' in meta)
    return { figure: { data: figure.data, layout: meta.stacked }, height: meta.stacked.height ?? height };
  const { l, r, t, b } = marginsOf(figure.layout);
  const rowsOf = (across: number) => Math.ceil(meta.panels / across);
  const gap = meta.gapY * (height - t - b);
  const madeHeight = (height - t - b - gap * (rowsOf(meta.columns) - 1)) / rowsOf(meta.columns);
  const panelWidth = (width - l - r - LEAST_GAP * (columns - 1)) / columns;
  const rowHeight = Math.min(madeHeight, Math.max(STACKED_ASPECT * panelWidth, 130));
  // A single row keeps no room below it for a second one's title.
  const newGap = Math.max(gap, 72);
  const plotHeight = rowHeight * rowsOf(columns) + newGap * (rowsOf(columns) - 1);
  const gapX = Math.max(GAP_X, LEAST_GAP / (width - l - r));
  const places = panelGrid(meta.panels, columns, gapX, newGap / plotHeight);
  const layout = structuredClone(figure.layout) as Figure['layout'] & Record<string, Partial<LayoutAxis>>;
  const axisOf = (letter: 'x' | 'y', i: number) => layout[`${letter}axis${i === 0 ? '' : i + 1}`]!;
  const names = places.map((_, i) => axisOf('x', i).title).filter((title) => title !== undefined);
  // One name for all axes stands once a column, below its lowest panel.
  const shared = new Set(names.map((title) => JSON.stringify(title))).size === 1 ? names[0] : undefined;
  places.forEach((place, i) => {
    Object.assign(axisOf('x', i), { domain: place.x });
    Object.assign(axisOf('y', i), { domain: place.y });
    Object.assign(layout.annotations![i]!, { x: place.x[0], y: place.y[1] });
    if (shared === undefined) return;
    if (i + columns < meta.panels) delete (axisOf('x', i) as { title?: unknown }).title;
    else axisOf('x', i).title = shared;
  });
  const fitted = plotHeight + t + b;
  return {
    figure: { data: figure.data, layout: { ...layout, ...(figure.layout.height ? { height: fitted } : {}) } },
    height: Math.round(fitted),
  };
}

function marginsOf(layout: Figure['layout']): { l: number; r: number; t: number; b: number } {
  const { l = 56, r = 16, t = 64, b = 48 } = { ...figureTemplate.layout?.margin, ...layout.margin };
  return { l, r, t, b };
}
