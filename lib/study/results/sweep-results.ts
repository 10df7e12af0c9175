/** The outcome of a sweep: each point with its accuracies, over seeds and items, and with what its runs have logged at their end. */
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { shareCut } from '../../evaluate/evaluate.js';
import { differenceOverSeeds, type Estimate, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { mean } from '../../train/advantage.js';
import type { StepMetrics } from '../../train/metrics.js';
import { RunDirectory } from '../../train/run-directory.js';
import { finishedTest } from '../cells/run-own-cell.js';
import { readRunResult } from '../cells/train-run.js';
import type { SweepPoint } from '../design/sweep.js';
import type { PlannedCell, SweepPlan } from '../running/sweep-jobs.js';

/** A point of a sweep. */
export interface SweepRow extends SweepPoint {
  /** The seeds whose cells are trained. */
  seeds: number[];
  /** The folders of the runs, in the order of the seeds. */
  runs: string[];
  /**
   * Accuracy on each test set, over seeds and items; the difference is to the first point, on the same seeds and items. `cut` is the share
   * of completions that were cut at the token limit.
   */
  tests: { [set: string]: { accuracy: Estimate; difference?: Estimate; cut: number } };
  /** Accuracy on held-out rows after the last step. */
  heldOut?: Estimate;
  /** Means over seeds of what was logged in the last tenth of the steps: `reward`, `loss`, `kl`, ... */
  last: { [metric: string]: number };
  /** Means over seeds: tokens and seconds of training. */
  tokens: number;
  wallSeconds: number;
}

/** The outcome of a sweep. */
export interface SweepResults {
  rows: SweepRow[];
  /** The names of cells that are not trained and measured. */
  missing: string[];
}

/** Computes the outcome of a sweep from the cells that are finished. */
export function sweepResults({ cells }: Pick<SweepPlan, 'cells'>): SweepResults {
  const points = new Map<string, PlannedCell[]>();
  for (const cell of cells) points.set(cell.point.label, [...(points.get(cell.point.label) ?? []), cell]);
  const finished = [...points.values()].map((ofPoint) => ofPoint.filter(({ job }) => job.state().state === 'done'));
  const first = finished[0] ?? [];
  const rows = finished.flatMap((ofPoint) => (ofPoint.length === 0 ? [] : [sweepRow(ofPoint, first)]));
  const done = new Set(finished.flat());
  return { rows, missing: cells.filter((cell) => !done.has(cell)).map(({ name }) => name) };
}

/** @param first the finished cells of the first point, with which the others are compared */
function sweepRow(cells: readonly PlannedCell[], first: readonly PlannedCell[]): SweepRow {
  const { point } = cells[0]!;
  const runs = cells.map(({ job }) => job.folder);
  const results = runs.map((folder) => readRunResult(folder)!);
  const logs = runs.map((folder) => RunDirectory.read(folder).metrics());
  const heldOut = logs.map((log) => log.at(-1)!.eval_accuracy);
  const { heldOutItems } = cells[0]!.job.ready;
  const tests: SweepRow['tests'] = {};
  for (const { set } of cells[0]!.tests) {
    const evaluations = cells.map((cell) => evaluationOf(cell, set));
    const accuracy = estimateOverSeeds(
      evaluations.map((evaluation) => evaluation.accuracy),
      evaluations[0]!.count,
    );
    tests[set] = { accuracy, cut: mean(evaluations.map(shareCut)), ...differenceToFirst(cells, first, set) };
  }
  return {
    ...point,
    seeds: cells.flatMap(({ seed, job }) => seed ?? job.ready.settings.seed),
    ...{ runs, tests },
    ...(heldOutItems !== undefined && heldOut.every((value) => value !== undefined)
      ? { heldOut: estimateOverSeeds(heldOut, heldOutItems) }
      : {}),
    last: lastMetrics(logs),
    tokens: mean(results.map(({ tokens }) => tokens)),
    wallSeconds: mean(results.map(({ wallSeconds }) => wallSeconds)),
  };
}

function evaluationOf({ tests }: PlannedCell, set: string) {
  return finishedTest(tests.find((test) => test.set === set)!)!;
}

/** The difference to the first point, where both have the same seeds and the same items. */
function differenceToFirst(
  cells: readonly PlannedCell[],
  first: readonly PlannedCell[],
  set: string,
): { difference?: Estimate } {
  const seedsOf = (some: readonly PlannedCell[]) => JSON.stringify(some.map(({ seed }) => seed));
  if (cells[0]!.point.label === first[0]?.point.label || seedsOf(cells) !== seedsOf(first)) return {};
  const hasSet = first[0]!.tests.some((test) => test.set === set);
  if (!hasSet) return {};
  const itemsOf = (some: readonly PlannedCell[]) => some.map((cell) => evaluationOf(cell, set).items);
  const [own, others] = [itemsOf(cells), itemsOf(first)];
  const idsOf = (items: (typeof own)[number] | undefined) => JSON.stringify(items?.map(({ id }) => id));
  if (idsOf(own[0]) !== idsOf(others[0])) return {};
  const scores = (items: typeof own) => items.map((ofSeed) => ofSeed.map(({ score }) => score));
  return { difference: differenceOverSeeds(scores(own), scores(others)) };
}

/** The means over the last tenth of the steps, and over the runs, of each metric that all of them log at every step. */
function lastMetrics(logs: readonly (readonly StepMetrics[])[]): { [metric: string]: number } {
  const ends = logs.map((log) => log.slice(-Math.max(1, Math.round(log.length / 10))));
  const rows = ends.flat();
  const names = Object.keys(rows[0]!).filter((name) => name !== 'step' && rows.every((row) => row[name] !== undefined));
  return Object.fromEntries(names.map((name) => [name, mean(ends.map((end) => mean(end.map((row) => row[name]!))))]));
}

/** The metrics of a point's runs, averaged step by step. */
export function meanCurve({ runs }: SweepRow): StepMetrics[] {
  const logs = runs.map((folder) => RunDirectory.read(folder).metrics());
  const steps = Math.min(...logs.map((log) => log.length));
  return Array.from({ length: steps }, (_, i) => {
    const rows = logs.map((log) => log[i]!);
    const names = Object.keys(rows[0]!).filter((name) => rows.every((row) => row[name] !== undefined));
    return Object.fromEntries(names.map((name) => [name, mean(rows.map((row) => row[name]!))])) as StepMetrics;
  });
}

/** Writes `sweep.json`, and the table in Markdown beside it. @returns the files */
export function writeSweepResults(out: string, results: SweepResults): { json: string; markdown: string } {
  const [json, markdown] = ['sweep.json', 'sweep.md'].map((name) => path.join(path.resolve(out), name)) as [
    string,
    string,
  ];
  // Paths from the folder of the sweep: it may be moved.
  const rows = results.rows.map((row) => ({
    ...row,
    runs: row.runs.map((run) => path.relative(path.resolve(out), run)),
  }));
  writeFileAtomic(json, `${JSON.stringify({ ...results, rows }, null, 2)}\n`);
  writeFileAtomic(markdown, `${sweepMarkdown(results)}\n`);
  return { json, markdown };
}

const percent = (share: number) => (100 * share).toFixed(1);
const signed = (share: number) => `${share >= 0 ? '+' : ''}${percent(share)}`;
const estimateText = ({ mean: centre, interval }: Estimate) =>
  `${percent(centre)} [${interval.map(percent).join(', ')}]`;

const differenceText = (difference: Estimate | undefined) =>
  difference ? `${signed(difference.mean)} [${difference.interval.map(signed).join(', ')}]` : '';

/** A column of the table: its title, and the text of each point. */
type Column = [title: string, cell: (row: SweepRow) => string];

/** The outcome as a table in Markdown: a line for each point. Shares are in percent, with 95 % intervals. */
export function sweepMarkdown({ rows, missing }: SweepResults): string {
  if (rows.length === 0) return `No point of the sweep is finished; ${missing.length} cells are missing.`;
  const names = Object.keys(rows[0]!.values);
  const sets = [...new Set(rows.flatMap(({ tests }) => Object.keys(tests)))];
  const hasHeldOut = rows.some(({ heldOut }) => heldOut);
  const metrics = ['reward', 'loss', 'kl', 'completions/clipped_ratio'].filter((name) =>
    rows.some(({ last }) => last[name] !== undefined && (name !== 'loss' || last.reward === undefined)),
  );
  const columns: Column[] = names.map((name) => [name, ({ values }) => values[name]!]);
  if (names.length === 0) columns.push(['', ({ label }) => label]);
  columns.push(['seeds', ({ seeds }) => seeds.join(', ')]);
  for (const set of sets) {
    columns.push([`${set}, %`, ({ tests }) => (tests[set] ? estimateText(tests[set].accuracy) : '')]);
    columns.push([`${set}, from the first`, ({ tests }) => differenceText(tests[set]?.difference)]);
  }
  if (hasHeldOut) columns.push(['held out, %', ({ heldOut }) => (heldOut ? estimateText(heldOut) : '')]);
  for (const name of metrics)
    columns.push([name, ({ last }) => (last[name] === undefined ? '' : String(Number(last[name].toPrecision(3))))]);
  for (const set of sets) columns.push([`${set}, % cut`, ({ tests }) => (tests[set] ? percent(tests[set].cut) : '')]);
  columns.push(['seconds', ({ wallSeconds }) => wallSeconds.toFixed(0)]);
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const lines = [
    line(columns.map(([title]) => title)),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
  ];
  const note =
    'Shares in percent with 95 % intervals over seeds and items. Rewards and the like are means over the last tenth of the steps.';
  const absent = missing.length > 0 ? `\n\nNot finished: ${missing.join('; ')}.` : '';
  return `${lines.join('\n')}\n\n${note}${absent}`;
}
