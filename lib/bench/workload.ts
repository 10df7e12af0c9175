/** Lists what the benchmark measures: workloads whose sizes are the same for the kit and for its peers. */
import type { Precision } from '../engine/backend.js';

/** One thing to time. Sizes are those of the whole batch. */
export interface Workload {
  kind: 'sft' | 'prefill' | 'decode' | 'grpo';
  /** SFT: rows a step; prefill and decode: prompts; GRPO: prompts a step. */
  rows: number;
  /** SFT: tokens a row. */
  length?: number;
  /** Decode and GRPO: tokens drawn of each sequence, never fewer. */
  newTokens?: number;
  /** GRPO: completions a prompt. */
  completions?: number;
  /** Hidden size of the model: 128 is the shipped one. Others are random models of its shape with as many more heads. */
  width: number;
  precision: Precision;
}

/** What the kit is measured beside: PyTorch as most people run it and as its experts do (`torch.compile`, a static cache), and CTranslate2. */
export const PEER_FORMS = ['eager', 'compiled', 'ctranslate2'] as const;
export type PeerForm = (typeof PEER_FORMS)[number];

/** Each form's name in tables. */
export const PEER_NAMES: { readonly [form in PeerForm]: string } = {
  eager: 'PyTorch, eager',
  compiled: 'PyTorch, compiled',
  ctranslate2: 'CTranslate2',
};

/** A request to a worker, one JSON object a line. */
export interface BenchRequest extends Workload {
  /** For the peers: in which form they run. */
  form?: PeerForm;
  checkpoint: string;
  /** A JSON file `[{ text, image }]`, with the images beside it. */
  prompts: string;
  /** The token that fills trained rows up to their length. */
  fill: number;
  /** Samples to report. One more is run first and not reported. */
  samples: number;
}

/** A worker's answer. */
export interface BenchAnswer {
  /** Seconds of each sample. */
  seconds?: number[];
  /** GRPO: the seconds of each sample that drew the completions. */
  rolloutSeconds?: number[];
  /** SFT, of the kit: the loss of each step, the first one too. */
  losses?: number[];
  /** The answer to a `LearnRequest`. */
  learned?: LearnAnswer;
  /** Why nothing was measured. */
  error?: string;
  /** The largest resident memory of the process so far, in MB. */
  peakMegabytes: number;
}

/** Asks a worker to train and evaluate on rows of the counting task: what a precision does to what is learned. */
export interface LearnRequest {
  kind: 'learn';
  checkpoint: string;
  /** Rows trained on, 32 a step, each in every pass. */
  rows: number;
  epochs: number;
  /** Held-out rows that are answered. */
  items: number;
}

/** What the training came to. */
export interface LearnAnswer {
  /** Mean loss of the last pass's steps. */
  loss: number;
  /** Share of the held-out rows answered right, with its 95 % interval. */
  accuracy: number;
  interval: [number, number];
  /** Median seconds of a step. */
  stepSeconds: number;
}

/** A few minutes of CoT-SFT. */
export const LEARN = { kind: 'learn', rows: 640, epochs: 6, items: 400 } as const;

const SFT: Workload = { kind: 'sft', rows: 32, length: 160, width: 128, precision: 'float32' };
const PREFILL: Workload = { kind: 'prefill', rows: 64, width: 128, precision: 'float32' };
const DECODE: Workload = { kind: 'decode', rows: 64, newTokens: 64, width: 128, precision: 'float32' };
const GRPO: Workload = { kind: 'grpo', rows: 8, completions: 8, newTokens: 64, width: 128, precision: 'float32' };

/** The headline workloads, by the names that `bench.json` gives them. */
export const HEADLINES = { sft: SFT, prefill: PREFILL, decode: DECODE, grpo: GRPO } as const;

const bfloat16 = (workload: Workload): Workload => ({ ...workload, precision: 'bfloat16' });

/** The headlines in both precisions, then at four times the batch, the length and the width. */
export const WORKLOADS: readonly Workload[] = [
  ...[SFT, PREFILL, DECODE, GRPO].flatMap((workload) => [workload, bfloat16(workload)]),
  { ...SFT, rows: 128 },
  { ...SFT, length: 640 },
  { ...SFT, width: 512 },
  { ...DECODE, rows: 256 },
  { ...DECODE, newTokens: 256 },
  { ...DECODE, width: 512 },
  { ...GRPO, rows: 32 },
  { ...GRPO, newTokens: 256 },
  { ...GRPO, width: 512 },
];

/** What grows in a series. */
export const AXES = ['batch', 'length', 'width'] as const;
export type Axis = (typeof AXES)[number];
export const FACTORS = [1, 2, 4, 8] as const;

/** Smaller workloads that grow along one axis by 1, 2, 4 and 8. */
export function seriesWorkload(kind: 'sft' | 'decode', axis: Axis, factor: number): Workload {
  const base = kind === 'sft' ? { ...SFT, rows: 8 } : { ...DECODE, rows: 16 };
  if (axis === 'batch') return { ...base, rows: base.rows * factor };
  if (axis === 'width') return { ...base, width: base.width * factor };
  return kind === 'sft' ? { ...base, length: base.length! * factor } : { ...base, newTokens: base.newTokens! * factor };
}

/** A workload in words: `decode 64 x 64, width 128, float32`. */
export function workloadText({ kind, rows, length, newTokens, completions, width, precision }: Workload): string {
  const sizes = [rows, completions, length, newTokens].filter((size) => size !== undefined);
  return `${kind} ${sizes.join(' x ')}, width ${width}, ${precision}`;
}

/** The tokens of one sample, for tokens a second: those of the rows in SFT, those drawn in decoding; undefined where seconds are reported. */
export function tokensOf({ kind, rows, length, newTokens }: Workload): number | undefined {
  if (kind === 'sft') return rows * length!;
  return kind === 'decode' ? rows * newTokens! : undefined;
}
