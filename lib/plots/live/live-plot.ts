/** Plots that move while a cell trains, and end as one still picture with an interactive figure beside it. */

import { sep } from 'node:path';
import type { RewardName } from '../../rewards/rewards.js';
import { type CurvePanel, type MetricRow, trainingCurves } from '../curves.js';
import { type ExportedFile, exportFigure, type FigureFormat, plotlyPath, scriptJson } from '../export.js';
import { DisplaySlot, type DisplayWriter, figureBundle, notebookWriter } from '../notebook.js';
import type { Figure } from '../style.js';
import { escapeHtml } from '../tables.js';

export interface LivePlotOptions {
  /** The run's name in the progress line: `grpo`. */
  name: string;
  /** The figure's title; default: the name. */
  title?: string;
  /** The charts; a bare string is a chart of that one metric. */
  panels: readonly (CurvePanel | string)[];
  /** The number of steps of the whole run. */
  total: number;
  /** The metrics that the progress line shows; default: the first metric of each of the first three panels. */
  progress?: readonly string[];
  /** The metrics that a resumed run logged before. */
  history?: readonly MetricRow[];
  columns?: number;
  /** Of the figure, in pixels; default: 90, and 210 for each row of panels. */
  height?: number;
}

/** A browser redraws some tens of kilobytes twice a second without effort. */
const LEAST_MS_BETWEEN_UPDATES = 500;

/** Seconds in words: `40 s`, `3 min 20 s`, `1 h 05 min`. */
export function durationText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
}

/** Three digits that mean something: `0.52`, `0.010`, `31.4`, `3.1e-5`. */
export function metricText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100000)) return value.toExponential(1);
  if (size < 0.1) return value.toFixed(3);
  return size < 10 ? value.toFixed(2) : value.toFixed(1);
}

/**
 * The progress line: `grpo 12/60  reward 0.52  kl 0.010  40 s left`.
 *
 * @param secondsLeft undefined while it is not known
 */
export function progressLine(
  name: string,
  step: number,
  total: number,
  row: MetricRow,
  keys: readonly string[],
  secondsLeft?: number,
): string {
  const parts = [`${name} ${step}/${total}`];
  for (const key of keys) {
    const value = row[key];
    if (typeof value === 'number' && Number.isFinite(value)) parts.push(`${key} ${metricText(value)}`);
  }
  if (secondsLeft !== undefined) parts.push(`${durationText(secondsLeft)} left`);
  return parts.join('  ');
}

/**
 * The addresses, relative to a Jupyter server's root folder, at which plotly.js may lie. Only the browser can find out which of
 * its parent folders is the server's root.
 */
export function plotlyCandidates(path: string): string[] {
  const parts = path.split(sep).filter((part) => part !== '' && !part.endsWith(':'));
  const first = parts.lastIndexOf('node_modules');
  return parts
    .map((_, i) => parts.slice(i).map(encodeURIComponent).join('/'))
    .filter((_, i) => i <= first)
    .reverse();
}

/**
 * The script of one update. The chart's node outlives the update: JupyterLab empties the output and fills it anew, so the
 * node is kept on the output's own element (the script's parent) and put back, and plotly.js redraws only what changed.
 * plotly.js itself is fetched once a page, from the server's `/files/` address, and never enters the notebook.
 */
function updateScript(figure: Figure, height: number): string {
  return `(() => {
const host = document.currentScript.parentElement;
const slot = host.querySelector('.reason-rft-live');
const node = host.reasonRftPlot ??= document.createElement('div');
node.style.height = '${height}px';
slot.replaceChildren(node);
const figure = ${scriptJson(figure)};
const load = async () => {
  const config = document.getElementById('jupyter-config-data');
  const base = (config && JSON.parse(config.textContent).baseUrl) || '/';
  for (const path of ${scriptJson(plotlyCandidates(plotlyPath()))}) {
    const reply = await fetch(base + 'files/' + path, { credentials: 'same-origin' });
    if (!reply.ok) continue;
    const module = { exports: {} };
    new Function('module', 'exports', 'define', await reply.text())(module, module.exports, undefined);
    return module.exports;
  }
  throw new Error('plotly.js does not lie below the folder in which the Jupyter server was started');
};
window.reasonRftPlotly ??= load();
window.reasonRftPlotly.then(
  (plotly) => plotly.react(node, figure.data, figure.layout, { displaylogo: false, responsive: true }),
  (error) => { node.textContent = 'No live chart here (' + error.message + '); the finished figure will show. Start JupyterLab with npm run lab.'; },
);
})();`;
}

/** A live plot in a notebook's cell; made by {@link livePlot}. */
class LivePlot {
  private readonly rows: MetricRow[];
  private readonly slot: DisplaySlot;
  private readonly started = performance.now();
  private readonly stepsBefore: number;
  private lastSent = Number.NEGATIVE_INFINITY;
  private readonly height: number;
  private readonly keys: readonly string[];

  constructor(
    private readonly options: LivePlotOptions,
    write: DisplayWriter,
  ) {
    if (options.panels.length === 0) throw new Error(`live plot ${options.name}: there is no panel to draw`);
    this.rows = [...(options.history ?? [])];
    this.stepsBefore = this.step();
    this.keys =
      options.progress ?? options.panels.slice(0, 3).flatMap((p) => (typeof p === 'string' ? p : p.keys.slice(0, 1)));
    this.height = options.height ?? 90 + 210 * Math.ceil(options.panels.length / (options.columns ?? 3));
    this.slot = new DisplaySlot(write);
    this.send();
  }

  /** The last step of which metrics were reported. */
  private step(): number {
    const step = this.rows.at(-1)?.step;
    return typeof step === 'number' ? step : 0;
  }

  /** Draws the metrics that have been reported so far. */
  figure(): Figure {
    const { name, title, panels, total, columns } = this.options;
    const figure = trainingCurves({ [name]: this.rows }, panels, {
      title: title ?? name,
      total,
      ...(columns === undefined ? {} : { columns }),
    });
    return { data: figure.data, layout: { ...figure.layout, height: this.height } };
  }

  /** The progress line as it stands now. Once the run has ended it names no time left. */
  progress(ended = false): string {
    const step = this.step();
    const done = step - this.stepsBefore;
    const left =
      !ended && done > 0 && step < this.options.total
        ? ((performance.now() - this.started) / 1000 / done) * (this.options.total - step)
        : undefined;
    return progressLine(this.options.name, step, this.options.total, this.rows.at(-1) ?? {}, this.keys, left);
  }

  /**
   * Reports a step. Redraws at most twice a second; the trainer has to yield to the event loop between steps
   * (`await setImmediate()`), or messages pile up in the kernel.
   */
  update(step: number, metrics: MetricRow): void {
    this.rows.push({ ...metrics, step });
    if (performance.now() - this.lastSent >= LEAST_MS_BETWEEN_UPDATES) this.send();
  }

  private send(): void {
    const text = this.progress();
    this.slot.set({
      'text/html':
        `<div class="reason-rft-live" style="min-height:${this.height}px"></div>` +
        `<pre>${escapeHtml(text)}</pre><script>${updateScript(this.figure(), this.height)}</script>`,
      'text/plain': text,
    });
    this.lastSent = performance.now();
  }

  /**
   * Ends the live plot. The finished figure takes its place, as a PNG and interactive.
   *
   * @param basePath exports the figure too, as `<basePath>.png`, `.svg` and `.html`; default: it is not exported
   * @returns the files that were written
   */
  async finish(basePath?: string, formats: readonly FigureFormat[] = ['png', 'svg', 'html']): Promise<ExportedFile[]> {
    const figure = this.figure();
    this.slot.set(await figureBundle(figure, this.progress(true), { height: this.height }));
    return basePath === undefined ? [] : exportFigure(figure, basePath, { height: this.height, formats });
  }
}

/**
 * Opens a live plot under the running cell:
 *
 * ```ts
 * const live = livePlot({ name: 'grpo', panels: grpoPanels('accuracy_reward'), total: 60 });
 * try {
 *   await train({ ..., onStep: (step, _, metrics) => live.update(step, metrics) });
 * } finally {
 *   await live.finish();
 * }
 * ```
 *
 * `finally`, because a run that was interrupted ends with an exception, and its curves are worth keeping.
 *
 * @param write shows the outputs; default: under the running cell
 */
export function livePlot(options: LivePlotOptions, write: DisplayWriter = notebookWriter()): LivePlot {
  return new LivePlot(options, write);
}

/**
 * The charts that tell how a GRPO run is doing.
 *
 * @param accuracyReward the reward that judges the answer, by its name; a run that does not earn one has one chart fewer
 */
export function grpoPanels(accuracyReward: RewardName | undefined): CurvePanel[] {
  const accuracy: CurvePanel[] = accuracyReward
    ? [{ title: 'accuracy reward', keys: [`rewards/${accuracyReward}/mean`], range: [0, 1] }]
    : [];
  return [
    { title: 'reward', keys: ['reward'] },
    ...accuracy,
    { title: 'kl', keys: ['kl'] },
    { title: 'completions/mean_length', keys: ['completions/mean_length'] },
    { title: 'completions/clipped_ratio', keys: ['completions/clipped_ratio'], range: [0, 1] },
    { title: 'frac_reward_zero_std (dead groups)', keys: ['frac_reward_zero_std'], range: [0, 1] },
  ];
}

/**
 * The charts of held-out items while a cell trains: accuracy beside reward, so that one sees a reward that rises while accuracy
 * falls.
 *
 * @param samples k of pass@k
 */
export function validationPanels(samples: number): CurvePanel[] {
  const passes = [...new Set(['eval_pass@1', `eval_pass@${samples}`])];
  return [
    { title: 'held out: accuracy', keys: ['eval_accuracy', ...passes], range: [0, 1] },
    { title: 'held out: reward', keys: ['eval_reward'] },
    { title: 'held out: format', keys: ['eval_format'], range: [0, 1] },
  ];
}

/** The two charts of supervised fine-tuning. */
export const SFT_PANELS: readonly CurvePanel[] = [
  { title: 'loss', keys: ['loss'] },
  { title: 'mean_token_accuracy', keys: ['mean_token_accuracy'], range: [0, 1] },
];
