/** `reason-rft cell`: one cell of a study, run by a person or as a process of the runner. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { finishedEvaluation } from '../../study/cells/run-cell.js';
import type { GridCell } from '../../study/design/grid.js';
import { studyGrid } from '../../study/design/study-grid.js';
import { planJobs } from '../../study/running/grid-jobs.js';
import { readJobFile } from '../../study/running/job-file.js';
import { measuresText } from '../../study/running/job-state.js';
import { runGridCell } from '../../study/running/run-grid-cell.js';
import type { Study } from '../../study/workspace.js';
import { makeData } from '../make-data.js';
import { printResult } from '../print-result.js';
import { openProfile, PROFILE_OPTION } from '../profile-option.js';
import { showProgress } from '../progress.js';
import { UsageError } from '../usage.js';

interface CellOptions {
  profile: string;
  name?: string;
  job?: string;
  acceptStale?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addCell(program: Command): void {
  program
    .command('cell')
    .description('train and evaluate one cell of a study, and what it starts from, and print its numbers')
    .option(...PROFILE_OPTION)
    .option('--name <name>', 'its name, as study --list has it')
    .option('--job <file>', 'in place of profile and name, the file that the runner wrote into the folder of the cell')
    .option('--accept-stale', 'take what other code trained as it is')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', "\nExample: reason-rft cell --profile standard --name 'counting/reason-rft/seed 2'")
    .action(runCell);
}

async function runCell(options: CellOptions): Promise<void> {
  const { study, cell } = readAskedCell(options);
  const controller = new AbortController();
  const stop = () => controller.abort();
  // A cluster that stops a job sends SIGTERM; the loss of the runner that started this process comes as a disconnection.
  process.once('SIGTERM', stop).once('SIGHUP', stop).on('disconnect', stop);
  process.channel?.unref();
  if (options.job === undefined) await makeData(study, cell.cell.task);
  const progress = showProgress(cell.name);
  try {
    await runGridCell(study, cell, {
      signal: controller.signal,
      onStep: (done, steps, { loss, reward }) =>
        progress.update(done, steps, reward === undefined ? `loss ${loss!.toFixed(3)}` : `reward ${reward.toFixed(3)}`),
    });
  } finally {
    progress.stop();
  }
  const { folder } = planJobs(study, [cell]).at(-1)!;
  printResult(
    options.json,
    { name: cell.name, folder, measures: measuresOf(study, cell) },
    `${cell.name}: ${measuresText(study, cell) || 'trained'}; in ${folder}`,
  );
}

/** The cell that `--job` or `--name` asks for, with its study. */
function readAskedCell(options: CellOptions): { study: Study; cell: GridCell } {
  const { name, job } = options;
  if (job !== undefined && name === undefined) {
    if (!existsSync(job)) throw new UsageError(`there is no file ${job}`);
    return readJobFile(job);
  }
  if (name === undefined || job !== undefined) throw new UsageError('give --name or --job');
  const study = openProfile(options);
  const cell = studyGrid(study).find((listed) => listed.name === name);
  if (!cell)
    throw new UsageError(`the study has no cell '${name}'; study --list --profile ${study.profile.name} has the names`);
  return { study, cell };
}

/** The numbers of a cell's evaluations, without their items. */
function measuresOf(study: Study, { cell, evaluations }: GridCell): object[] {
  return evaluations.map(({ set, style }) => {
    const { accuracy, interval, formatted, count } = finishedEvaluation(study, cell, set, style)!;
    return { set, style, accuracy, interval, formatted, count };
  });
}
