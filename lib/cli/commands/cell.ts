/** `reason-rft cell`: one cell of a study, run by a person or as a process of the runner. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { studyGrid } from '../../study/design/study-grid.js';
import { planJobs } from '../../study/running/grid-jobs.js';
import { type GridJob, measuresText } from '../../study/running/job.js';
import { readJobFile } from '../../study/running/job-file.js';
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
  const job = await readAskedJob(options);
  const controller = new AbortController();
  const stop = () => controller.abort();
  // A cluster that stops a job sends SIGTERM; the loss of the runner that started this process comes as a disconnection.
  process.once('SIGTERM', stop).once('SIGHUP', stop).on('disconnect', stop);
  process.channel?.unref();
  const progress = showProgress(job.name);
  try {
    await job.run({
      signal: controller.signal,
      onStep: (done, steps, { loss, reward }) =>
        progress.update(done, steps, reward === undefined ? `loss ${loss!.toFixed(3)}` : `reward ${reward.toFixed(3)}`),
    });
  } finally {
    progress.stop();
  }
  const { name, folder } = job;
  const measures = job.measures();
  printResult(
    options.json,
    { name, folder, measures },
    `${name}: ${measuresText(measures) || (job.steps > 0 ? 'trained' : 'measured')}; in ${folder}`,
  );
}

/** The job that `--job` or `--name` asks for. */
async function readAskedJob(options: CellOptions): Promise<GridJob> {
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
  await makeData(study, cell.cell.task);
  return planJobs(study, [cell]).at(-1)!;
}
