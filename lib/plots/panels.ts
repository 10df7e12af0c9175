/** Several small charts in one figure: the place and the title of each. */

import type { Annotations, Layout, LayoutAxis } from 'plotly.js';
import { type Figure, figureTemplate } from './style.js';

/** One panel of a grid: the names that its traces carry, and its share of the figure, 0 to 1 from the lower left. */
export interface PanelPlace {
  /** `x`, `x2`, ... for a trace's `xaxis`. */
  xaxis: string;
  /** `y`, `y2`, ... for a trace's `yaxis`. */
  yaxis: string;
  x: [number, number];
  y: [number, number];
}

/**
 * Places `count` panels on a grid that fills by rows from the upper left.
 *
 * @param gapX the space between two columns, as a share of the figure's width
 * @param gapY the space between two rows, as a share of the figure's height
 */
export function panelGrid(count: number, columns: number, gapX = 0.08, gapY = 0.18): PanelPlace[] {
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
  return { data, layout: { template: figureTemplate, ...axes, annotations: titles, ...layout } };
}
