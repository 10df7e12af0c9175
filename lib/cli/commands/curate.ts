/** `reason-rft curate`: the data of a study. */
import type { Command } from 'commander';
import { problemTexts } from '../../records/row-problem.js';
import { convertData, drawData } from '../make-data.js';
import { printResult } from '../print-result.js';
import { openProfile, PROFILE_OPTION } from '../profile-option.js';
import { askedTask, TASK_OPTION } from '../task-option.js';
import { UsageError } from '../usage.js';

interface CurateOptions {
  task: string;
  profile: string;
  skipBad?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addCurate(program: Command): void {
  program
    .command('curate')
    .description(
      'sample, check and write the data of a profile and a task; of the profile paper, convert the released data',
    )
    .requiredOption(...TASK_OPTION)
    .option(...PROFILE_OPTION)
    .option('--skip-bad', 'with paper: leave bad rows out; else one of them stops the conversion')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nThe profile paper reads the checkpoint in REASON_RFT_MODEL and the dataset in REASON_RFT_DATASET.\nExample: reason-rft curate --task structure --profile quick',
    )
    .action(curate);
}

async function curate(options: CurateOptions): Promise<void> {
  const study = openProfile(options);
  const task = askedTask(options.task).name;
  if (options.skipBad && !study.profile.released)
    throw new UsageError(
      `--skip-bad is for the profile paper; the rows of ${study.profile.name} are drawn, and curation drops the bad ones`,
    );
  if (study.profile.released) {
    const converted = await convertData(study, task, options);
    const counts = Object.entries(converted.rows).map(([set, rows]) => `${set} ${rows}`);
    for (const problem of problemTexts(converted.problems)) process.stderr.write(`left out: ${problem}\n`);
    printResult(options.json, converted, `rows: ${counts.join(', ')}; in ${converted.folder}`);
    return;
  }
  const { folder, kept, dropped } = await drawData(study, task);
  printResult(options.json, { folder, kept, dropped }, `${kept} rows kept, ${dropped} dropped; in ${folder}`);
}
