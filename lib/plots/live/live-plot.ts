/** Plots that move while a cell trains, and end as one still picture with an interactive figure beside it. */

import path from 'node:path';
import { RunDirectory } from '../../train/run-directory.js';
import { runStateText } from '../../train/run-state.js';
import { type CurvePanel, type MetricRow, trainingCurves } from '../curves.js';
import { type ExportedFile, exportFigure, type FigureFormat } from '../export.js';
import { figureBundle } from '../figure-output.js';
import { loggedMetrics, metricPanels } from '../metric-panels.js';
import { DisplaySlot, type DisplayWriter, notebookWriter } from '../notebook.js';
import type { Figure } from '../style.js';
import { escapeHtml } from '../tables.js';
import { liveScript } from './live-script.js';
import { attachCall, clockText, holdsRun, LIVE_FILE, type LiveState, writeLiveState } from './live-state.js';
import { secondsLeft, type TimedStep } from './step-pace.js';

export interface LivePlotOptions {
  /** The run's name in the progress line: `grpo`. */
  name: string;
  /** The figure's title; default: the name. */
  title?: string;
  /** The charts; a bare string is a chart of that one metric. Default: those of the metrics that the run logs, see `metricPanels`. */
  panels?: readonly (CurvePanel | string)[];
  /** Metrics that the run will log: their charts are there from the start. Others come with the first step that logs them. */
  expected?: readonly string[];
  /** The number of steps of the whole run. */
  total: number;
  /** The metrics that the progress line shows; default: the first metric of each of the first three panels. */
  progress?: readonly string[];
  /** The metrics that a resumed run goes on from, see `RunDirectory.keptMetrics`. */
  history?: readonly MetricRow[];
  columns?: number;
  /** Of the figure, in pixels; default: 90, and 210 for each row of panels. */
  height?: number;
  /** The folder of the run. The plot leaves its state there, from which a page that was closed and opened again draws it. */
  folder?: string;
  /** Whether the plot only watches a run that trains elsewhere, and leaves nothing in its folder; default: false. */
  watches?: boolean;
}

/** A browser redraws some tens of kilobytes twice a second without effort. */
const LEAST_MS_BETWEEN_UPDATES = 500;
/** A page that was opened again asks for the state every two seconds. */
const LEAST_MS_BETWEEN_STATES = 2000;

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

/** A live plot in a notebook's cell; made by {@link livePlot}. */
export class LivePlot {
  private rows: MetricRow[];
  private readonly slot: DisplaySlot;
  private readonly timed: TimedStep[] = [];
  private lastReport = performance.now();
  private lastSent = Number.NEGATIVE_INFINITY;
  private lastWritten = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: LivePlotOptions,
    write: DisplayWriter,
  ) {
    if (options.panels?.length === 0) throw new Error(`live plot ${options.name}: there is no panel to draw`);
    this.rows = [...(options.history ?? [])];
    this.slot = new DisplaySlot(write);
    this.send();
  }

  /** The last step of which metrics were reported. */
  private step(): number {
    const step = this.rows.at(-1)?.step;
    return typeof step === 'number' ? step : 0;
  }

  private panels(): readonly (CurvePanel | string)[] {
    const { panels, expected = [] } = this.options;
    return panels ?? metricPanels([...expected, ...loggedMetrics(this.rows)]);
  }

  private height(): number {
    const { height, columns = 3 } = this.options;
    return height ?? 90 + 210 * Math.max(1, Math.ceil(this.panels().length / columns));
  }

  /** Draws the metrics that have been reported so far. */
  figure(): Figure {
    const { name, title = name, total, columns } = this.options;
    const panels = this.panels();
    const height = this.height();
    if (panels.length === 0) return emptyFigure(title, height);
    const figure = trainingCurves({ [name]: this.rows }, panels, {
      ...{ title, total },
      ...(columns === undefined ? {} : { columns }),
    });
    return { data: figure.data, layout: { ...figure.layout, height } };
  }

  /** The progress line as it stands now. Once the run has ended it names no time left. */
  progress(ended = false): string {
    const { name, total, progress } = this.options;
    const keys =
      progress ??
      this.panels()
        .slice(0, 3)
        .flatMap((panel) => (typeof panel === 'string' ? panel : panel.keys.slice(0, 1)));
    const left = ended || this.step() >= total ? undefined : secondsLeft(this.timed, total, this.evaluateEvery());
    return progressLine(name, this.step(), total, this.rows.at(-1) ?? {}, keys, left);
  }

  /** The steps between the last two evaluations; undefined as long as there was none. */
  private evaluateEvery(): number | undefined {
    const steps = this.rows.filter((row) => Object.keys(row).some((key) => key.startsWith('eval_')));
    const [before, last] = [0, ...steps.map(({ step }) => Number(step))].slice(-2);
    return last === undefined ? undefined : last - before!;
  }

  /**
   * Reports a step. A run that goes on from a checkpoint does steps again: they take the place of what was drawn of them. Redraws at
   * most twice a second; the trainer has to yield to the event loop between steps (`await setImmediate()`), or messages pile up in the
   * kernel.
   */
  update(step: number, metrics: MetricRow): void {
    const now = performance.now();
    const seconds = (now - this.lastReport) / 1000;
    this.lastReport = now;
    this.rows = this.rows.filter((row) => Number(row.step) < step);
    this.add(step, { step_time: seconds, ...metrics });
    if (now - this.lastSent >= LEAST_MS_BETWEEN_UPDATES) this.send();
  }

  private add(step: number, metrics: MetricRow): void {
    this.rows.push({ ...metrics, step });
    const { step_time, eval_runtime } = metrics;
    if (typeof step_time !== 'number') return;
    this.timed.push({
      step,
      seconds: step_time,
      ...(typeof eval_runtime === 'number' ? { evaluation: eval_runtime } : {}),
    });
  }

  /** Draws these steps in place of all that were reported, with their times where they are known (`step_time`, `eval_runtime`). */
  show(rows: readonly MetricRow[]): void {
    this.rows = [];
    this.timed.length = 0;
    for (const row of rows) this.add(Number(row.step), row);
    this.send();
  }

  private state(hasEnded = false): LiveState {
    return { figure: this.figure(), height: this.height(), text: this.progress(hasEnded), drawn: Date.now() };
  }

  private send(): void {
    const { folder, watches = false } = this.options;
    const state = this.state();
    const { height, text, drawn } = state;
    const elsewhere = folder === undefined ? '' : `; in another notebook: ${attachCall(folder)}`;
    const file = folder === undefined ? undefined : path.resolve(folder, LIVE_FILE);
    this.slot.set({
      'text/html':
        `<div class="reason-rft-live" style="min-height:${height}px"></div><pre>${escapeHtml(text)}</pre>` +
        `<small class="reason-rft-note">${escapeHtml(`drawn at ${clockText(drawn)}${elsewhere}`)}</small>` +
        `<script>${liveScript(state, file)}</script>`,
      'text/plain': text,
    });
    this.lastSent = performance.now();
    if (folder === undefined || watches || this.lastSent - this.lastWritten < LEAST_MS_BETWEEN_STATES) return;
    writeLiveState(folder, state);
    this.lastWritten = this.lastSent;
  }

  /**
   * Ends the live plot. The finished figure takes its place, as a PNG and interactive.
   *
   * @param basePath exports the figure too, as `<basePath>.png`, `.svg` and `.html`; default: it is not exported
   * @returns the files that were written
   */
  async finish(basePath?: string, formats: readonly FigureFormat[] = ['png', 'svg', 'html']): Promise<ExportedFile[]> {
    const { folder, watches = false } = this.options;
    const { figure, height, text, drawn } = this.state(true);
    if (folder !== undefined && !watches && holdsRun(folder)) {
      const ended = runStateText(RunDirectory.read(folder));
      writeLiveState(folder, { figure, height, text, drawn, ended });
    }
    this.slot.set(await figureBundle(figure, text, { height }));
    return basePath === undefined ? [] : exportFigure(figure, basePath, { height, formats });
  }
}

/** What is shown before anything was logged: no axes, which would count from -1 to 6. */
function emptyFigure(title: string, height: number): Figure {
  const hidden = { visible: false };
  const waiting = {
    text: 'no step is done yet',
    showarrow: false,
    xref: 'paper',
    yref: 'paper',
    x: 0.5,
    y: 0.5,
  } as const;
  return { data: [], layout: { title: { text: title }, height, xaxis: hidden, yaxis: hidden, annotations: [waiting] } };
}

/**
 * Opens a live plot under the running cell:
 *
 * ```ts
 * const live = livePlot({ name: 'grpo', total: 60 });
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
