/** `reason-rft study`, which runs the study's grid, and `reason-rft cell`, which runs one of its cells: a person's, a process's. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { durationText } from '../plots/live/live-plot.js';
import { finishedEvaluation, hasData } from '../study/cells/cell.js';
import { writeReleasedData } from '../study/data/released-data.js';
import { curateTrainingRows, sampleTestRows, sampleTrainingRows, writeStudyData } from '../study/data/study-data.js';
import type { GridCell } from '../study/design/grid.js';
import { GRID_PARTS, type GridPart, studyGrid } from '../study/design/study-grid.js';
import { PROFILE_NAMES } from '../study/profile.js';
import { computeResults } from '../study/results/compute-results.js';
import { writeResults } from '../study/results/results.js';
import { studyResultsText } from '../study/results/results-text.js';
import { inProcesses, readJob } from '../study/running/cell-process.js';
import { jobState, measuresText, planJobs, runGridCell } from '../study/running/grid-jobs.js';
import { onRay } from '../study/running/ray.js';
import { RayJobs } from '../study/running/ray-jobs.js';
import { type Execute, type GridReport, inThisProcess, runGrid } from '../study/running/runner.js';
import { openStudy, releasedDataset, type Study } from '../study/workspace.js';
import { TASK_NAMES, type TaskName, taskNamed } from '../tasks/tasks.js';
import { showGrid } from './grid-progress.js';
import { showProgress } from './progress.js';
import { report } from './report.js';
import { UsageError, usage, wholeNumber } from './settings.js';

interface StudyOptions {
  profile: string;
  part?: string;
  task?: string;
  only?: string;
  workers: string;
  ray?: string;
  cpus: string;
  gpus: string;
  retries: string;
  acceptStale?: boolean;
  list?: boolean;
  json?: boolean;
}

interface CellOptions {
  profile: string;
  name?: string;
  job?: string;
  acceptStale?: boolean;
  json?: boolean;
}

/** Adds the two commands to the program. */
export function addStudyCommands(program: Command): void {
  program
    .command('study')
    .description('train and evaluate what is left of a study; what fails is listed, the rest goes on')
    .option('--profile <name>', PROFILE_NAMES.join(', '), 'quick')
    .option('--part <name>', `${GRID_PARTS.join(', ')} (default: all)`)
    .option('--task <name>', `${TASK_NAMES.join(', ')} (default: all)`)
    .option('--only <pattern>', 'the cells whose name this regular expression is found in, and what they start from')
    .option('--workers <n>', 'cells at a time, each in a process of its own; 0: one by one in this process', '1')
    .option(
      '--ray <address>',
      'run them on the Ray cluster whose dashboard has this address, such as http://127.0.0.1:8265',
    )
    .option('--cpus <n>', 'on Ray: processors of one cell', '1')
    .option('--gpus <n>', 'on Ray: GPUs of one cell', '0')
    .option('--retries <n>', 'on Ray: how often a cell that failed is tried again', '2')
    .option('--accept-stale', 'take cells and measures that other code made as they are, in place of making them anew')
    .option('--list', 'only list the cells and how far each is')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nInterrupted, all stop at the end of their steps; the same again goes on. Exit code 1 where a cell failed.\n' +
        'Example: reason-rft study --profile standard --part paradigms --task counting --workers 2',
    )
    .action(runStudy);
  program
    .command('cell')
    .description('train and evaluate one cell of a study, and what it starts from, and print its numbers')
    .option('--profile <name>', PROFILE_NAMES.join(', '), 'quick')
    .option('--name <name>', 'its name, as study --list has it')
    .option('--job <file>', 'in place of profile and name, what the runner wrote into its folder')
    .option('--accept-stale', 'take what other code trained as it is')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', "\nExample: reason-rft cell --profile standard --name 'counting/reason-rft/seed 2'")
    .action(runOneCell);
}

async function runStudy(options: StudyOptions): Promise<void> {
  const study = openProfile(options);
  const workers = wholeNumber('--workers', options.workers);
  const execute = await chosenExecute(options, workers);
  const grid = askedCells(study, options);
  if (options.list) return listCells(study, grid, options.json);
  const controller = new AbortController();
  const tasks = [...new Set(grid.map(({ cell }) => cell.task))];
  for (const task of tasks) await makeData(study, task);
  // The second interrupt is the system's own: it ends this process at once.
  process.once('SIGINT', () => {
    process.stderr.write('stopping at the end of the step; the same again goes on\n');
    controller.abort();
  });
  const shown = showGrid();
  const found = await runGrid(study, grid, {
    execute,
    parallel: Math.max(1, workers),
    signal: controller.signal,
    onDone: (job, seconds) =>
      shown.line(`${job.name}: ${measuresText(study, job) || 'trained'}; ${durationText(seconds)}`),
    onFailed: ({ name, error }) => shown.line(`${name} FAILED: ${error.split('\n').at(-1)}`),
    onProgress: shown.update,
  });
  shown.stop();
  if (found.interrupted) process.exitCode = 130;
  else if (found.failed.length + found.skipped.length > 0) process.exitCode = 1;
  if (found.interrupted) {
    report(options.json, found, reportText(found));
    return;
  }
  const results = computeResults(study);
  const file = writeResults(study, results);
  const next = `reason-rft report --profile ${study.profile.name} draws its figures`;
  report(
    options.json,
    { ...found, results: file },
    `${studyResultsText(results)}\n\n${reportText(found)}\nthe results lie in ${file}; ${next}`,
  );
}

/** Where cells run: here, in processes of their own, or on a cluster, which is asked first whether it is there. */
async function chosenExecute({ ray, cpus, gpus, retries, list }: StudyOptions, workers: number): Promise<Execute> {
  if (ray === undefined) return workers === 0 ? inThisProcess : inProcesses(workers);
  if (workers === 0) throw new UsageError('on Ray --workers is the number of cells at a time, 1 or more');
  const size = { cpus: wholeNumber('--cpus', cpus, 1), gpus: wholeNumber('--gpus', gpus) };
  const jobs = usage(() => new RayJobs(ray));
  if (!list) await jobs.version();
  return onRay({ address: ray, ...size, retries: wholeNumber('--retries', retries) });
}

/** What came of a grid, with what to do about what failed. */
export function reportText({ done, failed, skipped, interrupted }: GridReport): string {
  const lines = [
    `${done.length} ${done.length === 1 ? 'cell' : 'cells'} done, ${failed.length} failed, ${skipped.length} not run as their start failed`,
  ];
  for (const { name, error, log } of failed)
    lines.push(`failed: ${name}\n  ${error.replaceAll('\n', '\n  ')}\n  log: ${log}`);
  for (const { name, start } of skipped) lines.push(`not run: ${name}, which starts from ${start}`);
  if (interrupted) lines.push('interrupted: run the same again to go on');
  else if (failed.length > 0) lines.push('run the same again to try those that failed once more');
  return lines.join('\n');
}

function listCells(study: Study, grid: readonly GridCell[], json?: boolean): void {
  const lacking = [...new Set(grid.map(({ cell }) => cell.task))].filter((task) => !hasData(study, task));
  const listed =
    lacking.length > 0
      ? grid.map(({ name }) => ({ name, state: 'to do' as const }))
      : planJobs(study, grid).map((job) => ({ name: job.name, ...jobState(study, job), folder: job.folder }));
  const texts = listed.map((each) => {
    const steps = 'steps' in each && each.steps ? ` (${each.steps} steps)` : '';
    return `${each.state.padEnd(12)}  ${each.name}${steps}${'stale' in each && each.stale ? `; ${each.stale}` : ''}`;
  });
  report(json, listed, texts.join('\n'));
}

async function runOneCell(options: CellOptions): Promise<void> {
  if ((options.name === undefined) === (options.job === undefined)) throw new UsageError('give --name or --job');
  if (options.job !== undefined && !existsSync(options.job)) throw new UsageError(`there is no file ${options.job}`);
  const { study, cell } =
    options.job !== undefined ? readJob(options.job) : { study: openProfile(options), cell: undefined };
  const asked = cell ?? namedCell(study, options.name!);
  const controller = new AbortController();
  const stop = () => controller.abort();
  // A cluster that stops a job sends SIGTERM; the loss of the runner that started this process comes as a disconnection.
  process.once('SIGTERM', stop).on('disconnect', stop);
  process.channel?.unref();
  if (options.job === undefined) await makeData(study, asked.cell.task);
  const progress = showProgress(asked.name);
  await runGridCell(study, asked, {
    signal: controller.signal,
    onStep: (done, steps, { loss, reward }) =>
      progress.update(done, steps, reward === undefined ? `loss ${loss!.toFixed(3)}` : `reward ${reward.toFixed(3)}`),
  }).finally(() => progress.stop());
  const [job] = planJobs(study, [asked]).slice(-1);
  report(
    options.json,
    { name: asked.name, folder: job!.folder, measures: measuresOf(study, asked) },
    `${asked.name}: ${measuresText(study, asked) || 'trained'}; in ${job!.folder}`,
  );
}

/** The numbers of a cell's evaluations, without their items. */
function measuresOf(study: Study, { cell, evaluations }: GridCell): object[] {
  return evaluations.map(({ set, style }) => {
    const { accuracy, interval, formatted, count } = finishedEvaluation(study, cell, set, style)!;
    return { set, style, accuracy, interval, formatted, count };
  });
}

function openProfile({ profile, acceptStale }: { profile: string; acceptStale?: boolean }): Study {
  const study = usage(() => openStudy(profile));
  return acceptStale ? { ...study, acceptStale } : study;
}

/** The cells of a grid that the options ask for. */
function askedCells(study: Study, { part, task, only }: StudyOptions): GridCell[] {
  if (part !== undefined && !(GRID_PARTS as readonly string[]).includes(part))
    throw new UsageError(`there is no part '${part}'; choose ${GRID_PARTS.join(', ')}`);
  if (task !== undefined) usage(() => taskNamed(task));
  const pattern = usage(() => new RegExp(only ?? ''));
  const cells = studyGrid(study, part as GridPart | undefined).filter(
    ({ name, cell }) => (task === undefined || cell.task === task) && pattern.test(name),
  );
  if (cells.length === 0) throw new UsageError('no cell is named so; study --list has the names');
  return cells;
}

function namedCell(study: Study, name: string): GridCell {
  const cell = studyGrid(study).find((each) => each.name === name);
  if (!cell)
    throw new UsageError(`the study has no cell '${name}'; study --list --profile ${study.profile.name} has the names`);
  return cell;
}

/**
 * Draws and writes a task's data where it is not there yet; released data are converted.
 *
 * @throws Error where it is there, but is not what this code draws
 */
async function makeData(study: Study, task: TaskName): Promise<void> {
  if (study.profile.released) {
    if (!hasData(study, task)) await writeReleasedData(study, task, usage(releasedDataset));
    return;
  }
  const tests = sampleTestRows(study, task);
  const { kept } = curateTrainingRows(study, sampleTrainingRows(study, task), tests);
  const progress = showProgress(`images of ${task}`);
  await writeStudyData(study, kept, tests, progress.update).finally(() => progress.stop());
}
