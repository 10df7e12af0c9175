/** The one style of figures: Okabe-Ito colours, with dashes, markers and patterns for those who see no colour, and sizes for print. */

import type { Dash, Data, Layout, PatternShape, Template } from 'plotly.js';

/** A Plotly figure: traces and their layout, plain data that can be shown, saved and exported. */
export interface Figure {
  data: Data[];
  layout: Partial<Layout> & { meta?: PanelMeta | StackMeta };
}

/** How the panels of a figure stand. The layout's first annotations are their titles. */
export interface PanelMeta {
  panels: number;
  columns: number;
  /** The space between two rows, as a share of the figure's height. */
  gapY: number;
}

/** The layout that a figure has instead where it is narrow: its panels below one another. The traces are the same. */
export interface StackMeta {
  /** Of the figure as it is. */
  columns: number;
  /** Pixels below which the panels have no room side by side. */
  leastWidth: number;
  stacked: Partial<Layout>;
}

/** The marks of a series, by which one tells it from the next in colour, in grey, and without seeing colours. */
export interface SeriesStyle {
  color: string;
  dash: Dash;
  marker: string;
  pattern: PatternShape;
}

/**
 * Seven series in the order of use. Colours: Okabe and Ito, "Color Universal Design" (2008), without its yellow, which
 * does not show on white paper; neighbours differ in lightness, so that they differ in a grey print.
 */
const SERIES: readonly SeriesStyle[] = [
  { color: '#0072B2', dash: 'solid', marker: 'circle', pattern: '' },
  { color: '#E69F00', dash: 'dash', marker: 'square', pattern: '/' },
  { color: '#009E73', dash: 'dot', marker: 'diamond', pattern: '.' },
  { color: '#D55E00', dash: 'dashdot', marker: 'triangle-up', pattern: 'x' },
  { color: '#56B4E9', dash: 'longdash', marker: 'cross', pattern: '\\' },
  { color: '#CC79A7', dash: 'longdashdot', marker: 'x', pattern: '+' },
  { color: '#000000', dash: 'solid', marker: 'star', pattern: '-' },
];

/** The style of series number `index`, from 0. After the seventh the styles repeat. */
export function seriesStyle(index: number): SeriesStyle {
  return SERIES[index % SERIES.length]!;
}

/** `#RRGGBB` and an opacity in [0, 1] as `rgba(...)`. */
export function withOpacity(color: string, opacity: number): string {
  const [r, g, b] = [1, 3, 5].map((i) => Number.parseInt(color.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${opacity})`;
}

const AXIS = {
  showline: true,
  linecolor: '#333333',
  linewidth: 1,
  ticks: 'outside',
  ticklen: 4,
  tickcolor: '#333333',
  gridcolor: '#E5E5E5',
  zeroline: false,
  automargin: true,
  title: { standoff: 8 },
} as const;

/**
 * The layout template that every figure of the kit carries: white paper, light horizontal guides, 12-14 pixel type (about
 * 9 points at 90 mm column width when exported 480 pixels wide).
 */
export const figureTemplate: Template = {
  layout: {
    font: { family: 'Open Sans, Helvetica, Arial, DejaVu Sans, sans-serif', size: 12, color: '#1A1A1A' },
    title: {
      font: { size: 15 },
      x: 0,
      xref: 'paper',
      xanchor: 'left',
      y: 1,
      yref: 'container',
      yanchor: 'top',
      pad: { t: 12 },
    },
    paper_bgcolor: '#FFFFFF',
    plot_bgcolor: '#FFFFFF',
    colorway: SERIES.map((s) => s.color),
    xaxis: { ...AXIS, showgrid: false },
    yaxis: AXIS,
    margin: { l: 56, r: 16, t: 64, b: 48 },
    legend: { orientation: 'h', x: 0, xanchor: 'left', y: 0, yref: 'container', yanchor: 'bottom', font: { size: 12 } },
    bargap: 0.25,
    bargroupgap: 0.08,
    hovermode: 'closest',
  },
};
