/** The script of a live plot's output: it draws the plot in the page and, in a page that was opened later, follows the run by its file. */
import { sep } from 'node:path';
import { plotlyPath, scriptJson } from '../export.js';
import type { LiveState } from './live-state.js';

/**
 * The addresses, relative to a Jupyter server's root folder, at which a file may lie. Only the browser can find out which of its
 * parent folders is the server's root.
 *
 * @param last the deepest folder that can be the first part of an address; default: the file's own
 */
export function serverCandidates(file: string, last?: string): string[] {
  const parts = file.split(sep).filter((part) => part !== '' && !part.endsWith(':'));
  const deepest = last === undefined ? parts.length - 1 : parts.lastIndexOf(last);
  return parts
    .map((_, i) => parts.slice(i).map(encodeURIComponent).join('/'))
    .filter((_, i) => i <= deepest)
    .reverse();
}

/** Seconds after which an output that a page draws for the first time is one of before the page was opened. */
const OLD_SECONDS = 5;
/** Seconds without news after which the page says so. */
const SILENT_SECONDS = 60;

/**
 * The script of one update. The chart's node outlives the update: JupyterLab empties the output and fills it anew, so the
 * node is kept on the output's own element (the script's parent) and put back, and plotly.js redraws only what changed.
 * plotly.js itself is fetched once a page, from the server's `/files/` address, and never enters the notebook.
 *
 * A page that is opened while the cell trains gets the output as it was saved, and no updates of the kernel. The script sees this by the
 * age of what it draws. It then reads the run's present state every two seconds, and says so below the plot.
 *
 * @param file in which the run's present state lies; undefined where no file has it
 */
export function liveScript(state: LiveState, file: string | undefined): string {
  return `(() => {
const host = document.currentScript.parentElement;
const slot = host.querySelector('.reason-rft-live');
const line = host.querySelector('pre');
const note = host.querySelector('.reason-rft-note');
const node = host.reasonRftPlot ??= document.createElement('div');
const config = document.getElementById('jupyter-config-data');
const base = (config && JSON.parse(config.textContent).baseUrl) || '/';
const ask = (path, cache) => fetch(base + 'files/' + path, { credentials: 'same-origin', cache });
const load = async () => {
  for (const path of ${scriptJson(serverCandidates(plotlyPath(), 'node_modules'))}) {
    const reply = await ask(path, 'default');
    if (!reply.ok) continue;
    const module = { exports: {} };
    new Function('module', 'exports', 'define', await reply.text())(module, module.exports, undefined);
    return module.exports;
  }
  throw new Error('plotly.js does not lie below the folder in which the Jupyter server was started');
};
const draw = ({ figure, height, text }) => {
  node.style.height = height + 'px';
  line.textContent = text;
  window.reasonRftPlotly ??= load();
  return window.reasonRftPlotly.then(
    (plotly) => plotly.react(node, figure.data, figure.layout, { displaylogo: false, responsive: true }),
    (error) => { node.textContent = 'No live chart here (' + error.message + '); the finished figure will show. Start JupyterLab with npm run lab.'; },
  );
};
const state = ${scriptJson(state)};
slot.replaceChildren(node);
draw(state);
const isFirst = !host.reasonRftDrawn;
host.reasonRftDrawn = true;
clearInterval(host.reasonRftTimer);
if (!isFirst || Date.now() - state.drawn < ${1000 * OLD_SECONDS}) return;
const clock = (time) => new Date(time).toLocaleTimeString();
const old = note.textContent;
note.textContent = 'The page was closed while the cell was training, and this is the state of ' + clock(state.drawn) + '. ' + old;
let place;
const read = async () => {
  for (const path of place ? [place] : ${scriptJson(file === undefined ? [] : serverCandidates(file))}) {
    const reply = await ask(path, 'no-store').catch(() => undefined);
    if (!reply || !reply.ok) continue;
    place = path;
    return reply.json();
  }
};
const follow = async () => {
  if (!host.isConnected) return clearInterval(host.reasonRftTimer);
  const now = await read();
  if (now === undefined) return;
  draw(now);
  const silent = (Date.now() - now.drawn) / 1000 > ${SILENT_SECONDS};
  if (now.ended) clearInterval(host.reasonRftTimer);
  note.textContent = now.ended
    ? 'The page was closed while the cell was training. The run trains no longer: it ' + now.ended + '. Run the cell again to see its curves here.'
    : 'The page was closed while the cell was training. The plot follows the run from its file, as of ' + clock(now.drawn) +
      (silent ? '; since then the run has written nothing.' : '.') + ' ' + old;
};
host.reasonRftTimer = setInterval(follow, 2000);
follow();
})();`;
}
