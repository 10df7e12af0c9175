/** Runs a sweep: plans its cells, trains and measures those that are not done, and writes the table of its outcome. */
import type { Sweep } from '../design/sweep.js';
import { type GridOptions, type GridReport, runJobs } from '../running/runner.js';
import { planSweep, type SweepPlan } from '../running/sweep-jobs.js';
import { type SweepResults, sweepResults, writeSweepResults } from './sweep-results.js';

/** What came of a sweep. */
export interface SweepOutcome extends SweepResults {
  report: GridReport;
  /** The file `sweep.json`, and the table in Markdown beside it. */
  files: { json: string; markdown: string };
}

/**
 * Trains and measures every combination of values with every seed, one cell after the other in this process unless `options` say
 * otherwise. Cells are known by the contents of all that they depend on: what is done already is taken, a cell that was stopped goes on,
 * and one of which a row, a picture, the prompt, a reward's file, a setting or the code has changed is trained anew, beside the old one.
 *
 * @example
 * const { rows } = await sweep({
 *   out: 'runs/betas',
 *   cell: { kind: 'grpo', data: 'train.jsonl', test: 'test.jsonl', rewards: 'accuracy,./mine.ts#brevity=0.2' },
 *   over: { beta: [0, 0.04], completions: [4, 8] },
 *   seeds: [1, 2, 3],
 * });
 *
 * Without `onDone`, `onFailed` and `onProgress` it prints a line as a cell ends, and one a minute on the cell at work.
 *
 * @throws Error where the sweep cannot be planned, naming what is wrong; cells that fail are listed in the report, the others go on
 */
export async function sweep(definition: Sweep, options: GridOptions = {}): Promise<SweepOutcome> {
  const plan = await planSweep(definition);
  const { onDone, onFailed, onProgress } = options;
  const listens = onDone ?? onFailed ?? onProgress;
  const report = await runJobs(plan.jobs, listens ? options : { ...options, ...printProgress(plan) });
  const results = sweepResults(plan);
  return { ...results, report, files: writeSweepResults(definition.out, results) };
}

/** Milliseconds between two lines on the cell at work. */
const LINE_INTERVAL = 60_000;

/** Listeners that print how far a sweep is. */
function printProgress({ jobs }: SweepPlan): Pick<GridOptions, 'onDone' | 'onFailed' | 'onProgress'> {
  let count = '';
  let last = performance.now();
  const print = (text: string) => console.log(`sweep${count}: ${text}`);
  const finished = jobs.filter((job) => job.state().state === 'done').length;
  print(`${jobs.length} cells${finished > 0 ? `, of which ${finished} are done already` : ''}`);
  return {
    onDone: ({ name }, seconds) => print(`${name} done in ${Math.round(seconds)} s`),
    onFailed: ({ name, error, log }) => print(`${name} FAILED: ${error} (log: ${log})`),
    onProgress: ({ done, failed, total, running }) => {
      count = ` ${done + failed}/${total}`;
      if (performance.now() - last < LINE_INTERVAL) return;
      last = performance.now();
      for (const { name, done, steps } of running)
        print(`${name}, ${steps > done ? `step ${done} of ${steps}` : 'measuring'}`);
    },
  };
}
