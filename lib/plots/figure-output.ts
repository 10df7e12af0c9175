/** A finished figure as an output of a notebook: a picture that becomes interactive under the mouse. */

import sharp from 'sharp';
import { type ExportOptions, renderFigure, scriptJson } from './export.js';
import { type DisplayBundle, notebookWriter } from './notebook.js';
import type { Figure } from './style.js';
import { escapeHtml } from './tables.js';

/** Pixels that the output of a cell is wide in JupyterLab on a small screen. */
const NOTEBOOK_WIDTH = 860;

/**
 * The script of a finished figure: the picture becomes interactive when the mouse comes over it. It changes the page alone and not the
 * notebook, which JupyterLab's own renderer of Plotly figures rewrites whenever somebody looks at a figure. plotly.js comes from the
 * server's files, out of the nearest `node_modules` above the notebook. Where the script does not run (on a code host, in a notebook that
 * is not trusted), the picture stays.
 */
function interactiveScript(figure: Figure, height: number): string {
  return `(() => {
const place = document.currentScript.parentElement.querySelector('.reason-rft-figure');
const figure = ${scriptJson(figure)};
const load = async () => {
  const config = document.getElementById('jupyter-config-data');
  const base = (config && JSON.parse(config.textContent).baseUrl) || '/';
  const folders = location.pathname.split('/tree/').pop().split('/').slice(0, -1).filter(Boolean);
  for (let above = folders.length; above >= 0; above--) {
    const path = [...folders.slice(0, above), 'node_modules/plotly.js-dist-min/plotly.min.js'].join('/');
    const reply = await fetch(base + 'files/' + path, { credentials: 'same-origin' });
    if (!reply.ok) continue;
    const module = { exports: {} };
    new Function('module', 'exports', 'define', await reply.text())(module, module.exports, undefined);
    return module.exports;
  }
  throw new Error('plotly.js was not found');
};
place.addEventListener('mouseenter', () => {
  window.reasonRftPlotly ??= load();
  window.reasonRftPlotly.then((plotly) => {
    const node = document.createElement('div');
    node.style.height = '${height}px';
    place.replaceChildren(node);
    return plotly.newPlot(node, figure.data, figure.layout, { displaylogo: false, responsive: true });
  }, () => {});
}, { once: true });
})();`;
}

/**
 * A figure as an output: a picture, which becomes interactive in JupyterLab under the mouse, and a line of text for other viewers.
 * If no browser can be started to draw the picture, the output says so: a missing picture is no reason to end a training cell.
 */
export async function figureBundle(figure: Figure, text: string, options: ExportOptions = {}): Promise<DisplayBundle> {
  const height = options.height ?? figure.layout.height ?? 480;
  const drawn = { data: figure.data, layout: { ...figure.layout, height } };
  const picture = await drawPicture(figure, { ...options, height }).then(
    (address) => `<img alt="${escapeHtml(text)}" src="${address}" style="max-width:100%;height:auto">`,
    (error) =>
      `<p>${escapeHtml(`No picture of "${text}": ${error instanceof Error ? error.message : String(error)}`)}</p>`,
  );
  return {
    'text/html': `<div class="reason-rft-figure">${picture}</div><script>${interactiveScript(drawn, height)}</script>`,
    'text/plain': text,
  };
}

async function drawPicture(figure: Figure, options: ExportOptions): Promise<string> {
  const png = await renderFigure(figure, 'png', { width: NOTEBOOK_WIDTH, scale: 1, ...options });
  // A palette of 256 colours shows no difference on a chart, and takes a third of the room in the notebook.
  return `data:image/png;base64,${(await sharp(png).png({ palette: true }).toBuffer()).toString('base64')}`;
}

/** Shows a finished figure under the running cell; see {@link figureBundle}. */
export async function showFigure(figure: Figure, options: ExportOptions = {}): Promise<void> {
  // The writer is taken before the drawing, which may end when another cell is running.
  const write = notebookWriter();
  const title = figure.layout.title;
  const text = typeof title === 'string' ? title : (title?.text ?? 'figure');
  write({ data: await figureBundle(figure, text, { height: 420, ...options }), metadata: {}, transient: {} }, false);
}
