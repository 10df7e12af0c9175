/** Reports what the benchmark measured: medians, ratios, the table and the plot. */
import { median } from 'simple-statistics';
import { type PanelFrame, panelFigure } from '../plots/panels.js';
import { type Figure, seriesStyle } from '../plots/style.js';
import {
  AXES,
  type Axis,
  FACTORS,
  LEARN,
  type LearnAnswer,
  tokensOf,
  type Workload,
  workloadText,
} from './workload.js';

/** What one side took for a workload. */
export interface Side {
  /** Seconds of each sample. */
  samples: number[];
  peakMegabytes: number;
  /** GRPO: the seconds of each sample that drew the completions. */
  rolloutSeconds?: number[];
}

/** A workload with what the kit and the peer took. */
export interface Measurement {
  workload: Workload;
  kit: Side;
  /** Absent without a peer; `error` where the peer failed. */
  peer?: Side | { error: string };
}

/** A measurement as `bench.json` holds it. */
export interface Entry {
  workload: string;
  /** Median of the samples, in `unit`. */
  value: number;
  unit: 'tokens/s' | 's';
  /** The peer's median in the same unit; null without a peer. */
  peer: number | null;
  /** How many times as fast as the peer. */
  ratio: number | null;
  /** The same by the fastest sample of each side, which other work on the machine disturbs least. */
  fastestRatio: number | null;
  /** Seconds of each sample. */
  samples: number[];
  peerSamples: number[];
  peakMegabytes: number;
  peerPeakMegabytes: number | null;
  /** GRPO: the median seconds that drew the completions; the rest is rewards and update. */
  rolloutSeconds?: number;
  /** Why the peer has no number. */
  peerError?: string;
}

/** The medians and ratios of a measurement. */
export function entryOf({ workload, kit, peer }: Measurement): Entry {
  const tokens = tokensOf(workload);
  const inUnit = (samples: number[]) => (tokens === undefined ? median(samples) : tokens / median(samples));
  const measured = peer && 'samples' in peer ? peer : undefined;
  return {
    workload: workloadText(workload),
    value: inUnit(kit.samples),
    unit: tokens === undefined ? 's' : 'tokens/s',
    peer: measured ? inUnit(measured.samples) : null,
    ratio: measured ? median(measured.samples) / median(kit.samples) : null,
    fastestRatio: measured ? Math.min(...measured.samples) / Math.min(...kit.samples) : null,
    samples: kit.samples,
    peerSamples: measured?.samples ?? [],
    peakMegabytes: kit.peakMegabytes,
    peerPeakMegabytes: measured?.peakMegabytes ?? null,
    ...(kit.rolloutSeconds ? { rolloutSeconds: median(kit.rolloutSeconds) } : {}),
    ...(peer && 'error' in peer ? { peerError: peer.error } : {}),
  };
}

function valueText(value: number, unit: Entry['unit']): string {
  return unit === 's' ? `${value.toFixed(3)} s` : `${Math.round(value).toLocaleString('en')} tokens/s`;
}

const times = (ratio: number | null) => (ratio === null ? '-' : `${ratio.toFixed(2)}x`);

/** One line an entry: the workload, both sides, how many times as fast by medians and by the fastest samples, peak memory of both. */
export function reportTable(entries: readonly Entry[]): string {
  const lines = entries.map((entry) => {
    const rollout = entry.rolloutSeconds === undefined ? '' : ` (rollout ${entry.rolloutSeconds.toFixed(3)} s)`;
    const peer = entry.peer === null ? (entry.peerError ? 'failed' : '-') : valueText(entry.peer, entry.unit);
    return [
      entry.workload,
      valueText(entry.value, entry.unit) + rollout,
      peer,
      times(entry.ratio),
      times(entry.fastestRatio),
      `${Math.round(entry.peakMegabytes)} / ${entry.peerPeakMegabytes === null ? '-' : Math.round(entry.peerPeakMegabytes)} MB`,
    ];
  });
  const head = ['workload', 'this kit', 'PyTorch / transformers / TRL', 'as fast', 'fastest samples', 'peak memory'];
  return columns([head, ...lines]);
}

function columns(table: readonly string[][]): string {
  const widths = table[0]!.map((_, c) => Math.max(...table.map((row) => row[c]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, c) => cell.padEnd(widths[c]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** One line a precision: what the same training and test came to. */
export function precisionTable(learned: { readonly [precision: string]: LearnAnswer }): string {
  const { rows, epochs, items } = LEARN;
  const percent = (share: number) => (100 * share).toFixed(1);
  const lines = Object.entries(learned).map(([precision, { loss, accuracy, interval, stepSeconds }]) => [
    precision,
    loss.toFixed(4),
    `${percent(accuracy)} % (${interval.map(percent).join(' to ')})`,
    `${stepSeconds.toFixed(3)} s`,
  ]);
  const title = `CoT-SFT on ${rows} counting rows, ${epochs} passes`;
  return columns([[title, 'loss, last pass', `accuracy on ${items} held-out rows`, 'a step'], ...lines]);
}

/** A point of a series: seconds of the kit and the peer where `axis` has grown by `factor`. */
export interface SeriesPoint {
  kind: 'sft' | 'decode';
  axis: Axis;
  factor: number;
  kit: number;
  peer: number | null;
}

/** Seconds as work grows, both axes logarithmic: a panel for each kind and axis, a line for the kit and one for the peer. */
export function scalingFigure(points: readonly SeriesPoint[]): Figure {
  const panels = (['sft', 'decode'] as const).flatMap((kind) => AXES.map((axis) => ({ kind, axis })));
  const frames = panels.map(({ kind, axis }): PanelFrame => {
    const xaxis: PanelFrame['xaxis'] = {
      type: 'log',
      tickvals: [...FACTORS],
      ticktext: FACTORS.map((factor) => `${factor}x`),
    };
    return { title: `${kind}: ${axis}`, xaxis, yaxis: { type: 'log', title: { text: 'seconds' } } };
  });
  const title =
    'Seconds as the work grows, from 8 rows x 160 tokens (SFT), 16 sequences x 64 tokens (decoding), width 128';
  return panelFigure(
    frames,
    3,
    (place, i) => {
      const { kind, axis } = panels[i]!;
      const shown = points.filter((point) => point.kind === kind && point.axis === axis);
      return (['kit', 'peer'] as const).map((side, s) => {
        const { color, dash, marker } = seriesStyle(s);
        return {
          type: 'scatter',
          mode: 'lines+markers',
          name: side === 'kit' ? 'this kit' : 'PyTorch, transformers',
          legendgroup: side,
          showlegend: i === 0,
          x: shown.map((point) => point.factor),
          y: shown.map((point) => point[side]),
          xaxis: place.xaxis,
          yaxis: place.yaxis,
          line: { color, dash },
          marker: { symbol: marker, size: 8 },
        };
      });
    },
    { title: { text: title } },
  );
}
