/** `reason-rft sweep`: a grid over settings, rewards, prompts or data of one's own, with seeds, tables and figures. */
import path from 'node:path';
import type { Command } from 'commander';
import { closeFigureBrowser, exportFigure } from '../../plots/export.js';
import { durationText } from '../../plots/live/live-plot.js';
import { sweepCurves, sweepFigure } from '../../plots/study/sweep-figures.js';
import { type Sweep, type SweepValues, sweepCells } from '../../study/design/sweep.js';
import {
  type SweepResults,
  sweepMarkdown,
  sweepResults,
  writeSweepResults,
} from '../../study/results/sweep-results.js';
import { measuresText } from '../../study/running/job.js';
import { runJobs } from '../../study/running/runner.js';
import { planSweep, type SweepPlan } from '../../study/running/sweep-jobs.js';
import { showGrid } from '../grid-progress.js';
import { listText, reportText } from '../grid-report.js';
import { fetchModel } from '../model-option.js';
import { printResult } from '../print-result.js';
import { readPrompts } from '../prompt-options.js';
import { readConfig } from '../read-config.js';
import { addRunnerOptions, chooseRunner, type RunnerOptions, setExitCode, stopAtInterrupt } from '../runner-options.js';
import { reportCutTests, reportSweepPlan } from '../sweep-report.js';
import { checkUsage } from '../usage.js';

interface SweepOptions extends RunnerOptions {
  config: string;
  out?: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addSweep(program: Command): void {
  const command = program
    .command('sweep')
    .description(
      'train and test a cell of your own with every combination of values, with several seeds; what is done is taken',
    )
    .requiredOption(
      '--config <file>',
      'the sweep as JSON or YAML: out, cell, over, seeds (lib/study/README.md shows one)',
    )
    .option('--out <dir>', 'the folder of the sweep, in place of the one in the file');
  addRunnerOptions(command)
    .option('--list', 'only list the cells and how far each is')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nInterrupted, all stop at the end of their steps; the same again goes on. Exit code 1 where a cell failed.\n' +
        'Example: reason-rft sweep --config sweep.json --workers 2',
    )
    .action(runSweep);
}

async function runSweep(options: SweepOptions): Promise<void> {
  const sweep = readSweep(options);
  for (const start of checkUsage(() => startNames(sweep))) await fetchModel(start);
  const { runJob, parallel } = await chooseRunner(options);
  const plan = await planSweep(sweep);
  if (options.list) {
    const cells = plan.jobs.map((job) => ({ name: job.name, ...job.state(), folder: job.folder }));
    printResult(options.json, cells, listText(cells));
    return;
  }
  reportSweepPlan(plan);
  const display = showGrid();
  const report = await runJobs(plan.jobs, {
    ...{ runJob, parallel, signal: stopAtInterrupt() },
    onDone: (job, seconds) =>
      display.line(`${job.name}: ${measuresText(job.measures()) || 'trained'}; ${durationText(seconds)}`),
    onFailed: ({ name, error }) => display.line(`${name} FAILED: ${error.split('\n').at(-1)}`),
    onProgress: display.update,
  });
  display.stop();
  const { results, files } = await writeOutcome(sweep, plan);
  reportCutTests(results);
  printResult(
    options.json,
    { ...report, ...results, files },
    `${sweepMarkdown(results)}\n\n${reportText(report)}\nwritten: ${files.join(', ')}`,
  );
  setExitCode(report);
}

/** The checkpoints that the cells of a sweep start from, by folder or by id. */
function startNames(sweep: Sweep): Set<string> {
  const names = new Set<string>();
  for (const { cell } of sweepCells(sweep)) {
    let start = cell.start;
    while (typeof start === 'object') start = start.start;
    if (start !== undefined) names.add(start);
  }
  return names;
}

/** Writes tables and figures from the cells that are finished. */
async function writeOutcome(sweep: Sweep, plan: SweepPlan): Promise<{ results: SweepResults; files: string[] }> {
  const results = sweepResults(plan);
  const { json, markdown } = writeSweepResults(sweep.out, results);
  const files = [json, markdown];
  const { rows } = results;
  if (rows.length === 0) return { results, files };
  const hasAccuracies = rows.some(({ tests, heldOut }) => heldOut || Object.keys(tests).length > 0);
  const figures = { ...(hasAccuracies ? { sweep: sweepFigure(results) } : {}), curves: sweepCurves(results) };
  try {
    for (const [name, figure] of Object.entries(figures)) {
      const { height } = figure.layout;
      const written = await exportFigure(figure, path.join(sweep.out, 'figures', name), { height });
      files.push(...written.map((file) => file.path));
    }
  } finally {
    await closeFigureBrowser();
  }
  return { results, files };
}

/** Reads the file of a sweep. A prompt in it may be a file or the name of a preset, as in `--prompt`. */
function readSweep({ config, out }: SweepOptions): Sweep {
  const json = readConfig(config);
  const sweep = { ...json, ...(out === undefined ? {} : { out }) } as Sweep;
  if (typeof sweep.cell !== 'object' || sweep.cell === null) return sweep;
  const over = Object.entries(sweep.over ?? {}).map(([name, values]) => [name, withTexts(name, values)]);
  return { ...sweep, cell: { ...sweep.cell, ...readPrompts(sweep.cell) }, over: Object.fromEntries(over) };
}

/** The values of a prompt as texts; those of anything else as they are. */
function withTexts(name: string, values: SweepValues): SweepValues {
  if ((name !== 'prompt' && name !== 'system') || typeof values !== 'object' || values === null) return values;
  const text = (value: unknown) => checkUsage(() => readPrompts({ [name]: String(value) })[name]!);
  const entries = Array.isArray(values) ? values.map((value) => [String(value), value]) : Object.entries(values);
  return Object.fromEntries(entries.map(([label, value]) => [label, text(value)]));
}
