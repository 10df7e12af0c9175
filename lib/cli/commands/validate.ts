/** `reason-rft validate`: every bad row of the released dataset. */
import path from 'node:path';
import type { Command } from 'commander';
import { releasedSet, releasedSets } from '../../data/released/dataset.js';
import { validateReleased } from '../../data/released/read.js';
import { problemText } from '../../records/row-problem.js';
import { printResult } from '../print-result.js';
import { showReading } from '../read-progress.js';
import { ANY_TASK_OPTION } from '../task-option.js';
import { checkUsage, UsageError } from '../usage.js';

interface ValidateOptions {
  from: string;
  task?: string;
  set?: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addValidate(program: Command): void {
  program
    .command('validate')
    .description('every bad row of the released Reason-RFT dataset: file, row, field and reason')
    .requiredOption('--from <dir>', 'the downloaded dataset, its images unpacked')
    .option(...ANY_TASK_OPTION)
    .option('--set <name>', 'train, id, ood, ood-left or ood-right (default: all that are there)')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExit code 1 where a row is bad.\nExample: reason-rft validate --from Reason-RFT-CoT-Dataset --task counting',
    )
    .action(validate);
}

async function validate({ from, task, set, json }: ValidateOptions): Promise<void> {
  if (set !== undefined && task === undefined) throw new UsageError('--set needs --task');
  const sets = checkUsage(() =>
    task !== undefined && set !== undefined ? [releasedSet(from, task, set)] : releasedSets(from, task),
  );
  const files = [];
  for (const released of sets) {
    const { sound, problems } = await showReading(`validate ${path.basename(released.file)}`, released, (onBytes) =>
      validateReleased(released, onBytes),
    );
    files.push({ ...released, sound, problems });
  }
  const problems = files.flatMap((file) => file.problems);
  printResult(
    json,
    { files: files.map(({ task, set, file, sound }) => ({ task, set, file, sound })), problems },
    [
      ...problems.map(problemText),
      ...files.map(({ file, sound, problems }) => `${file}: ${sound} sound rows, ${problems.length} problems`),
    ].join('\n'),
  );
  if (problems.length > 0) process.exitCode = 1;
}
