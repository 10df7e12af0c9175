/** `reason-rft study`: the cells of a study's grid, one after another or side by side. */
import type { Command } from 'commander';
import { durationText } from '../../plots/live/live-plot.js';
import type { GridCell } from '../../study/design/grid.js';
import { GRID_PARTS, studyGrid, WHOLE_STUDY } from '../../study/design/study-grid.js';
import { computeResults } from '../../study/results/compute-results.js';
import { writeResults } from '../../study/results/results.js';
import { studyResultsText } from '../../study/results/results-text.js';
import { measuresText } from '../../study/running/job.js';
import { type GridReport, runGrid } from '../../study/running/runner.js';
import type { Study } from '../../study/workspace.js';
import { TASK_NAMES } from '../../tasks/tasks.js';
import { showGrid } from '../grid-progress.js';
import { listCells, listText, reportText } from '../grid-report.js';
import { makeData } from '../make-data.js';
import { printResult } from '../print-result.js';
import { openProfile, PROFILE_OPTION } from '../profile-option.js';
import { addRunnerOptions, chooseRunner, type RunnerOptions, setExitCode, stopAtInterrupt } from '../runner-options.js';
import { ANY_TASK_OPTION, askedTask } from '../task-option.js';
import { checkUsage, UsageError } from '../usage.js';

interface StudyOptions extends RunnerOptions {
  profile: string;
  part?: string;
  task?: string;
  only?: string;
  acceptStale?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addStudy(program: Command): void {
  const command = program
    .command('study')
    .description('train and evaluate what is left of a study; what fails is listed, the rest goes on')
    .option(...PROFILE_OPTION)
    .option('--part <name>', `${GRID_PARTS.join(', ')} (default: all)`)
    .option(...ANY_TASK_OPTION)
    .option('--only <pattern>', 'the cells whose name this regular expression is found in, and what they start from');
  addRunnerOptions(command)
    .option('--accept-stale', 'take cells and measures that other code made as they are, in place of making them anew')
    .option('--list', 'only list the cells and how far each is')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nInterrupted, all stop at the end of their steps; the same again goes on. Exit code 1 where a cell failed.\n' +
        'Example: reason-rft study --profile standard --part paradigms --task counting --workers 2',
    )
    .action(runStudy);
}

async function runStudy(options: StudyOptions): Promise<void> {
  const study = openProfile(options);
  const { runJob, parallel } = await chooseRunner(options);
  const grid = askedCells(study, options);
  if (options.list) {
    const cells = listCells(study, grid);
    printResult(options.json, cells, listText(cells));
    return;
  }
  const stop = stopAtInterrupt();
  for (const task of new Set(grid.map(({ cell }) => cell.task))) await makeData(study, task);
  const display = showGrid();
  const outcome = await runGrid(study, grid, {
    runJob,
    parallel,
    signal: stop,
    onDone: (job, seconds) =>
      display.line(
        `${job.name}: ${measuresText(job.measures()) || (job.steps > 0 ? 'trained' : 'measured')}; ${durationText(seconds)}`,
      ),
    onFailed: ({ name, error }) => display.line(`${name} FAILED: ${error.split('\n').at(-1)}`),
    onProgress: display.update,
  });
  display.stop();
  printOutcome(study, outcome, options.json);
  setExitCode(outcome);
}

/** Prints what came of the grid; where it was not interrupted, writes and prints the study's results with it. */
function printOutcome(study: Study, outcome: GridReport, json: boolean | undefined): void {
  if (outcome.interrupted) {
    printResult(json, outcome, reportText(outcome));
    return;
  }
  const results = computeResults(study);
  const file = writeResults(study, results);
  printResult(
    json,
    { ...outcome, results: file },
    `${studyResultsText(results)}\n\n${reportText(outcome)}\nthe results lie in ${file}; reason-rft report --profile ${study.profile.name} draws its figures`,
  );
}

/**
 * The cells of the study that the options ask for.
 *
 * @throws UsageError where there is no such part or task, or no cell of that name
 */
function askedCells(study: Study, { part: partName, task: taskName, only = '' }: StudyOptions): GridCell[] {
  const part = GRID_PARTS.find((known) => known === partName);
  if (partName !== undefined && part === undefined)
    throw new UsageError(`there is no part '${partName}'; choose ${GRID_PARTS.join(', ')}`);
  const task = taskName === undefined ? undefined : askedTask(taskName).name;
  const pattern = checkUsage(() => new RegExp(only));
  const parts = part === undefined ? GRID_PARTS : [part];
  const tasks = task === undefined ? TASK_NAMES : [task];
  const cells = studyGrid(study, { ...WHOLE_STUDY, parts, tasks }).filter(({ name }) => pattern.test(name));
  if (cells.length === 0) throw new UsageError('no cell is named so; study --list has the names');
  return cells;
}
