/** Writes figures to files: PNG, SVG, PDF and interactive HTML. plotly.js draws them in a headless Chromium, without a network. */

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { launchChromium } from './chromium.js';
import { fitPanels, fittingColumns } from './panels.js';
import type { Figure } from './style.js';

export type FigureFormat = 'png' | 'svg' | 'pdf' | 'html';

export interface ExportOptions {
  /** In CSS pixels; default: 900. */
  width?: number;
  /** In CSS pixels; default: 480. */
  height?: number;
  /** PNG pixels per CSS pixel; default: 2, which makes 300 dots an inch when a width of 900 is printed 152 mm wide. */
  scale?: number;
}

/** The place of an interactive page's plotly.js: inside the page (4.8 MB), or in one file that the pages of a folder share. */
export type PlotlyPlace = 'inside' | 'beside';

/** A file that was written. */
export interface ExportedFile {
  path: string;
  bytes: number;
}

/** The browser starts in a fraction of a second, and an open one keeps the process from ending: close it when idle. */
const IDLE_MS = 2000;

interface Renderer {
  browser: Browser;
  page: Page;
}

let renderer: Promise<Renderer> | undefined;
let working = 0;
let idleTimer: NodeJS.Timeout | undefined;

/** The path of plotly.js in one minified file. */
export function plotlyPath(): string {
  return require.resolve('plotly.js-dist-min/plotly.min.js');
}

async function startRenderer(): Promise<Renderer> {
  const browser = await launchChromium();
  try {
    const context = await browser.newContext({ offline: true });
    const page = await context.newPage();
    await page.setContent('<!doctype html><body></body>');
    await page.addScriptTag({ path: plotlyPath() });
    return { browser, page };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** Runs `use` with the one renderer of the process, which starts when it is first needed. */
async function withRenderer<T>(use: (renderer: Renderer) => Promise<T>): Promise<T> {
  clearTimeout(idleTimer);
  working++;
  try {
    renderer ??= startRenderer();
    const started = await renderer;
    if (!started.browser.isConnected()) {
      renderer = startRenderer();
      return await use(await renderer);
    }
    return await use(started);
  } catch (error) {
    // A browser that could not start is not kept: the next call tries again.
    if (renderer !== undefined) await renderer.catch(() => (renderer = undefined));
    throw error;
  } finally {
    working--;
    if (working === 0) idleTimer = setTimeout(() => void closeFigureBrowser(), IDLE_MS);
  }
}

/** Closes the browser that draws figures; it also closes by itself when idle for two seconds. */
export async function closeFigureBrowser(): Promise<void> {
  clearTimeout(idleTimer);
  const closing = renderer;
  renderer = undefined;
  if (closing !== undefined) await closing.then(({ browser }) => browser.close()).catch(() => undefined);
}

/** The call into plotly.js, run inside the page; `window.Plotly` comes from the script tag. */
async function draw(page: Page, figure: Figure, format: 'png' | 'svg', size: Required<ExportOptions>): Promise<string> {
  return page.evaluate(
    ({ figure, options }) =>
      (window as unknown as { Plotly: typeof import('plotly.js') }).Plotly.toImage(figure, options),
    { figure: { data: figure.data, layout: figure.layout }, options: { format, ...size } },
  );
}

function sizeOf(options: ExportOptions): Required<ExportOptions> {
  return { width: options.width ?? 900, height: options.height ?? 480, scale: options.scale ?? 2 };
}

/**
 * Renames the elements of an SVG. plotly.js gives them other names in each drawing; here the names follow from the figure, so that one
 * figure gives one file, and two figures in one page have no name in common.
 */
function withStableNames(svg: string, figure: Figure): string {
  const drawnName = /id="defs-([0-9a-f]{6})"/.exec(svg)?.[1];
  if (drawnName === undefined) return svg;
  const digest = createHash('sha256').update(JSON.stringify(figure)).digest('hex').slice(0, 6);
  const traces: string[] = [];
  return svg
    .replaceAll(new RegExp(`(?<=[a-z]-?)${drawnName}`, 'g'), digest)
    .replaceAll(/(?<= trace)[0-9a-f]{6}(?=")/g, (name) => {
      if (!traces.includes(name)) traces.push(name);
      return String(traces.indexOf(name));
    });
}

/** A PDF without the time at which it was made. It keeps its length, so that the places of its objects stay right. */
function withoutTimes(pdf: Buffer): Buffer {
  return Buffer.from(pdf.toString('latin1').replaceAll(/(?<=Date \(D:)\d{14}/g, '20000101000000'), 'latin1');
}

/**
 * Draws a figure. Where the width is too small for its panels side by side, they stand in fewer columns, and the figure is higher. The same figure gives the same bytes on one machine, whose fonts and browser a picture depends on.
 *
 * @returns the bytes of the file: a PNG, an SVG in UTF-8, or a PDF of one page
 * @throws Error if no Chromium can be found or started, saying what to do
 */
export async function renderFigure(
  made: Figure,
  format: 'png' | 'svg' | 'pdf',
  options: ExportOptions = {},
): Promise<Buffer> {
  const asked = sizeOf(options);
  const { figure, height } = fitPanels(made, asked.width, asked.height);
  const size = { ...asked, height };
  return withRenderer(async ({ browser, page }) => {
    if (format === 'png') {
      const url = await draw(page, figure, 'png', size);
      return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
    }
    const url = await draw(page, figure, 'svg', { ...size, scale: 1 });
    const svg = withStableNames(decodeURIComponent(url.slice(url.indexOf(',') + 1)), figure);
    if (format === 'svg') return Buffer.from(svg, 'utf8');
    const context = await browser.newContext({ offline: true });
    try {
      const paper = await context.newPage();
      await paper.setContent(`<!doctype html><style>body{margin:0}svg{display:block}</style>${svg}`);
      const { width, height } = size;
      return withoutTimes(
        await paper.pdf({ width: `${width}px`, height: `${height}px`, printBackground: true, pageRanges: '1' }),
      );
    } finally {
      await context.close();
    }
  });
}

/** A value as JSON that cannot end the script element it stands in. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** Name of the file that pages with plotly.js beside them share. */
const SHARED_PLOTLY = 'plotly.min.js';

/** A page that shows the figure interactively, without a network. */
async function interactivePage(
  figure: Figure,
  title: string,
  size: Required<ExportOptions>,
  place: PlotlyPlace,
): Promise<Buffer> {
  const plotly =
    place === 'inside'
      ? `<script>${await readFile(plotlyPath(), 'utf8')}</script>`
      : `<script src="${SHARED_PLOTLY}"></script>`;
  const name = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${name}</title>
${plotly}
<style>
body { margin: 8px; }
#frame { max-width: ${size.width}px; overflow-x: auto; }
</style>
<div id="frame"><div id="figure" style="min-width:${leastWidth(figure)}px"></div></div>
<script>
const data = ${scriptJson(figure.data)};
const layouts = ${scriptJson(layoutsByWidth(figure, size))};
const node = document.getElementById('figure');
const draw = () => {
  const { height, layout } = layouts.find(({ from }) => node.clientWidth >= from);
  node.style.height = height + 'px';
  return Plotly.react(node, data, { ...layout, height: undefined }, { displaylogo: false });
};
draw();
new ResizeObserver(() => draw().then(() => Plotly.Plots.resize(node))).observe(document.getElementById('frame'));
</script>
</html>
`);
}

/** The widths from which on an interactive page draws the figure in which layout, the widest first. */
function layoutsByWidth(
  figure: Figure,
  size: Required<ExportOptions>,
): { from: number; height: number; layout: Figure['layout'] }[] {
  const layouts = new Map<number | undefined, { from: number; height: number; layout: Figure['layout'] }>();
  for (let width = size.width; width >= 0; width -= 10) {
    const fitted = fitPanels(figure, width, size.height);
    layouts.set(fittingColumns(figure, width), { from: width, height: fitted.height, layout: fitted.figure.layout });
  }
  const narrowest = [...layouts.values()].at(-1)!;
  narrowest.from = 0;
  return [...layouts.values()];
}

/** Pixels below which a figure's marks run into each other; on a smaller screen its page scrolls. */
function leastWidth({ layout }: Figure): number {
  const { meta, margin } = layout;
  // Names to the left of a chart stand in its margin.
  if (meta !== undefined) return 'stacked' in meta ? (margin?.l ?? 56) + 190 : 320;
  const panels = Object.keys(layout).filter((name) => name.startsWith('xaxis')).length;
  return (margin?.l ?? 56) + 190 * Math.max(1, panels);
}

/** Writes plotly.js into a folder, unless it lies there. */
async function sharePlotly(folder: string): Promise<void> {
  const file = join(folder, SHARED_PLOTLY);
  if (existsSync(file) && statSync(file).size === statSync(plotlyPath()).size) return;
  writeFileAtomic(file, await readFile(plotlyPath()));
}

/**
 * Writes a figure as `<basePath>.png`, `.svg`, `.pdf` and `.html`, each whole or not at all; the folder is made if needed.
 *
 * @param options.formats default: PNG, SVG and HTML
 * @param options.plotly default: inside the HTML
 * @returns the files, in the order of `formats`
 */
export async function exportFigure(
  figure: Figure,
  basePath: string,
  options: ExportOptions & { formats?: readonly FigureFormat[]; plotly?: PlotlyPlace } = {},
): Promise<ExportedFile[]> {
  const base = resolve(basePath);
  const place = options.plotly ?? 'inside';
  const files: ExportedFile[] = [];
  for (const format of options.formats ?? (['png', 'svg', 'html'] as const)) {
    const bytes =
      format === 'html'
        ? await interactivePage(figure, basename(base), sizeOf(options), place)
        : await renderFigure(figure, format, options);
    const path = join(dirname(base), `${basename(base)}.${format}`);
    if (format === 'html' && place === 'beside') await sharePlotly(dirname(base));
    writeFileAtomic(path, bytes);
    files.push({ path, bytes: bytes.length });
  }
  return files;
}
