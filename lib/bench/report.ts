/** Reports what the benchmark measured: medians, ratios, the table and the plot. */
import { median } from 'simple-statistics';
import { type PanelFrame, panelFigure } from '../plots/panels.js';
import { type Figure, seriesStyle } from '../plots/style.js';
import { type Processor, whyNotQuiet } from './machine.js';
import {
  AXES,
  type Axis,
  FACTORS,
  LEARN,
  type LearnAnswer,
  PEER_FORMS,
  PEER_NAMES,
  type PeerForm,
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

/** A workload with what the kit and its peers took. */
export interface Measurement {
  workload: Workload;
  kit: Side;
  /** Each form of the peer that was measured, or why it failed. */
  peers: { [form in PeerForm]?: Side | { error: string } };
  /** The machine's load at the beginning of each round. */
  loads: number[];
}

/** What one form of the peer took, as `bench.json` holds it. */
export interface PeerEntry {
  /** Median of the samples, in the entry's unit. */
  value: number;
  samples: number[];
  peakMegabytes: number;
}

/** A measurement as `bench.json` holds it. */
export interface Entry {
  workload: string;
  /** Median of the samples, in `unit`. */
  value: number;
  unit: 'tokens/s' | 's';
  /** The processor that the figures belong to. */
  processor: Processor;
  /** Why the machine was not quiet. No figure of the entry is to be believed then, and none is printed. */
  refused?: string;
  /** The forms of the peer that were measured. */
  peers: { [form in PeerForm]?: PeerEntry };
  /** The form with the smallest median; null without a peer. */
  fastestPeer: PeerForm | null;
  /** How many times as fast as that form, by medians. */
  ratio: number | null;
  /** The same by the fastest sample of each side, which other work on the machine disturbs least. */
  fastestRatio: number | null;
  /** Seconds of each sample. */
  samples: number[];
  peakMegabytes: number;
  /** GRPO: the median seconds that drew the completions; the rest is rewards and update. */
  rolloutSeconds?: number;
  /** Why a form of the peer has no number. */
  peerErrors: { [form in PeerForm]?: string };
}

/** The medians and ratios of a measurement. */
export function entryOf({ workload, kit, peers, loads }: Measurement, processor: Processor): Entry {
  const tokens = tokensOf(workload);
  const inUnit = (samples: number[]) => (tokens === undefined ? median(samples) : tokens / median(samples));
  const forms = PEER_FORMS.flatMap((form) => {
    const side = peers[form];
    return side && 'samples' in side ? [{ form, side }] : [];
  });
  const failed = PEER_FORMS.flatMap((form) => {
    const side = peers[form];
    return side && 'error' in side ? [[form, side.error]] : [];
  });
  const fastest = minBy(forms, ({ side }) => median(side.samples));
  const sides = { 'this kit': kit.samples, ...Object.fromEntries(forms.map(({ form, side }) => [form, side.samples])) };
  const refused = whyNotQuiet(loads, sides, processor.cores);
  return {
    workload: workloadText(workload),
    value: inUnit(kit.samples),
    unit: tokens === undefined ? 's' : 'tokens/s',
    processor,
    ...(refused === undefined ? {} : { refused }),
    peers: Object.fromEntries(
      forms.map(({ form, side }) => [
        form,
        { value: inUnit(side.samples), samples: side.samples, peakMegabytes: side.peakMegabytes },
      ]),
    ),
    fastestPeer: fastest?.form ?? null,
    ratio: fastest ? median(fastest.side.samples) / median(kit.samples) : null,
    fastestRatio: fastest ? Math.min(...forms.flatMap(({ side }) => side.samples)) / Math.min(...kit.samples) : null,
    samples: kit.samples,
    peakMegabytes: kit.peakMegabytes,
    ...(kit.rolloutSeconds ? { rolloutSeconds: median(kit.rolloutSeconds) } : {}),
    peerErrors: Object.fromEntries(failed),
  };
}

/** The entry with the smallest value; undefined of none. */
function minBy<T>(entries: readonly T[], value: (entry: T) => number): T | undefined {
  return entries.reduce<T | undefined>(
    (best, entry) => (best && value(best) <= value(entry) ? best : entry),
    undefined,
  );
}

function valueText(value: number, unit: Entry['unit']): string {
  return unit === 's' ? `${value.toFixed(3)} s` : `${Math.round(value).toLocaleString('en')} tokens/s`;
}

const times = (ratio: number | null) => (ratio === null ? '-' : `${ratio.toFixed(2)}x`);

/**
 * One line an entry: the workload, each side, how many times as fast as the fastest form of the peer by medians and by the fastest
 * samples, peak memory of all. An entry that was not measured on a quiet machine has the reason in place of its numbers.
 */
export function reportTable(entries: readonly Entry[]): string {
  const lines = entries.map((entry) => {
    if (entry.refused !== undefined) return [entry.workload, `refused: ${entry.refused}`];
    const rollout = entry.rolloutSeconds === undefined ? '' : ` (rollout ${entry.rolloutSeconds.toFixed(3)} s)`;
    const memory = [entry.peakMegabytes, ...PEER_FORMS.map((form) => entry.peers[form]?.peakMegabytes)];
    return [
      entry.workload,
      valueText(entry.value, entry.unit) + rollout,
      ...PEER_FORMS.map((form) => {
        const peer = entry.peers[form];
        return peer ? valueText(peer.value, entry.unit) : entry.peerErrors[form] ? 'failed' : '-';
      }),
      times(entry.ratio),
      times(entry.fastestRatio),
      `${memory.map((megabytes) => (megabytes === undefined ? '-' : Math.round(megabytes))).join(' / ')} MB`,
    ];
  });
  const peers = PEER_FORMS.map((form) => PEER_NAMES[form]);
  return columns([
    ['workload', 'this kit', ...peers, 'as fast as the fastest', 'fastest samples', 'peak memory'],
    ...lines,
  ]);
}

function columns(table: readonly string[][]): string {
  const widths = table[0]!.map((_, c) => Math.max(...table.map((row) => row[c]?.length ?? 0)));
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
