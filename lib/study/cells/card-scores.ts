/** The scores of a model card: `model-index` of its front matter, as the hub reads it, and the table that people read. */
import type { Document } from 'yaml';
import { estimateOverSeeds } from '../../evaluate/over-seeds.js';

/** The accuracy of a checkpoint on some rows. */
export interface ScoreOnRows {
  /** The rows, by the name of their file or what they are for. */
  rows: string;
  /** What tells these rows from others of the same name, such as a digest. */
  digest?: string;
  accuracy: number;
  interval: readonly [number, number];
  count: number;
}

/** The score of an evaluation while a run trained. */
export function heldOutScore(accuracy: number, count: number): ScoreOnRows {
  return { rows: 'held-out rows', accuracy, count, interval: estimateOverSeeds([accuracy], count).interval };
}

/** One result of `model-index` (huggingface.co, "Model Cards", and `ModelCardData` of huggingface_hub). */
interface IndexedResult {
  task: { type: string };
  dataset: { type: string; name: string; revision?: string };
  metrics: { type: string; name: string; value: number; args: { interval: number[]; items: number } }[];
}

/** Puts scores into the front matter. One on the same rows is replaced. */
export function withScores(document: Document, scores: readonly ScoreOnRows[]): void {
  if (scores.length === 0) return;
  const added = scores.map(({ rows, digest, accuracy, interval, count }): IndexedResult => {
    const dataset = { type: 'reason-rft', name: rows, ...(digest === undefined ? {} : { revision: digest }) };
    const args = { interval: interval.map(rounded), items: count };
    const metric = { type: 'accuracy', name: 'accuracy', value: rounded(accuracy), args };
    return { task: { type: 'image-text-to-text' }, dataset, metrics: [metric] };
  });
  const kept = resultsOf(document).filter(
    ({ dataset }) => !added.some((one) => one.dataset.name === dataset?.name && one.dataset.type === dataset?.type),
  );
  const [first] = indexOf(document);
  const name = first?.name ?? String(document.get('base_model') ?? 'model');
  document.set('model-index', document.createNode([{ name, results: [...kept, ...added] }]));
}

const [OPENING, CLOSING] = ['<!-- scores -->', '<!-- /scores -->'];

/** The body of a card with the table of its scores, in the place of the earlier one or at the end. */
export function scoresSection(document: Document, body: string): string {
  const lines = resultsOf(document)
    .filter(({ dataset }) => dataset?.type === 'reason-rft')
    .flatMap(({ dataset, metrics }) =>
      metrics.map(({ value, args }) => {
        const [low, high] = args.interval.map(percent);
        return `| ${escaped(dataset.name)} | ${percent(value)} [${low}, ${high}] | ${args.items} |`;
      }),
    );
  const table = ['## Scores', '', '| rows | accuracy in percent, 95 % interval | items |', '|---|---|---|', ...lines];
  const text = [OPENING, ...(lines.length > 0 ? table : ['## Scores', '', 'It was not evaluated yet.']), CLOSING].join(
    '\n',
  );
  const from = body.indexOf(OPENING);
  const to = body.indexOf(CLOSING);
  if (from >= 0 && to > from) return body.slice(0, from) + text + body.slice(to + CLOSING.length);
  return `${body.trimEnd()}\n\n${text}\n`;
}

function indexOf(document: Document): { name?: string; results?: IndexedResult[] }[] {
  const index: unknown = (document.toJS() as { 'model-index'?: unknown } | null)?.['model-index'];
  return Array.isArray(index) ? (index as { name?: string; results?: IndexedResult[] }[]) : [];
}

function resultsOf(document: Document): IndexedResult[] {
  return indexOf(document).flatMap(({ results }) => results ?? []);
}

/** Four digits: the interval of a hundred thousand items is wider. */
function rounded(share: number): number {
  return Math.round(share * 1e4) / 1e4;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

/** A name as text of a table: what Markdown or HTML would read as markup stands for itself. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\\`*_{}[\]()#+!|~-]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s+/g, ' ');
}
