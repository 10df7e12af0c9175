/** `reason-rft validate`: every bad row of one's own data, or of the released dataset, before anything is trained. */
import path from 'node:path';
import type { Command } from 'commander';
import { releasedSet, releasedSets } from '../../data/released/dataset.js';
import { validateReleased } from '../../data/released/read.js';
import { rowsFile } from '../../records/open-rows.js';
import { problemTexts } from '../../records/row-problem.js';
import { type ExaminationOptions, examineRows, findOverlap } from '../../study/data/validate-rows.js';
import { fetchModel, MODEL_FLAGS, MODEL_IDS } from '../model-option.js';
import { addPixelOptions, type PixelOptions, pixelBounds } from '../pixel-options.js';
import { printResult } from '../print-result.js';
import { addPromptOptions, type PromptFlags, readPrompts } from '../prompt-options.js';
import { showReading } from '../read-progress.js';
import { overlapText, rowsText } from '../rows-report.js';
import { DATA_TEXT } from '../run-options.js';
import { ANY_TASK_OPTION, askedTask } from '../task-option.js';
import { checkUsage, UsageError } from '../usage.js';

interface ValidateOptions extends PromptFlags, PixelOptions {
  data?: string;
  test?: string;
  images?: string;
  model?: string;
  from?: string;
  task?: string;
  set?: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addValidate(program: Command): void {
  const command = program
    .command('validate')
    .description('every bad row and picture of your own data, or of the released Reason-RFT dataset, before a run')
    .option('--data <file>', DATA_TEXT)
    .option('--test <file>', 'with --data: rows of a test set, which must not be among those of --data')
    .option('--images <dir>', 'with --data: where the pictures lie (default: in images/ beside the file, or beside it)')
    .option(MODEL_FLAGS, `with --data: the model that the rows are for; ${MODEL_IDS}`);
  addPixelOptions(addPromptOptions(command))
    .option('--from <dir>', 'the downloaded dataset, its images unpacked')
    .option(...ANY_TASK_OPTION)
    .option('--set <name>', 'with --from: train, id, ood, ood-left or ood-right (default: all that are there)')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExit code 1 where a row would stop a run.\nExamples: reason-rft validate --data rows.jsonl --test held-out.jsonl\n          reason-rft validate --from Reason-RFT-CoT-Dataset --task counting',
    )
    .action(validate);
}

async function validate(options: ValidateOptions): Promise<void> {
  const { data, from } = options;
  if (data === undefined && options.test !== undefined) throw new UsageError('--test needs --data');
  if ((data === undefined) === (from === undefined))
    throw new UsageError('name what to validate: --data for rows of your own, or --from for the released dataset');
  if (data !== undefined) await validateRows(data, options);
  else await validateDataset(from!, options);
}

/** Examines rows of one's own. */
async function validateRows(data: string, options: ValidateOptions): Promise<void> {
  const asked = { ...readPrompts(options), ...(options.task === undefined ? {} : { task: askedTask(options.task) }) };
  const bounds = pixelBounds(options);
  const checkpoint = await fetchModel(options.model);
  const examination = { checkpoint, bounds, asked };
  const { report, prints } = await examineFile(data, options, examination);
  const lines = [rowsText(report)];
  const result: { [part: string]: unknown } = { ...report };
  let bad = report.problems.length;
  if (options.test !== undefined) {
    const tests = await examineFile(options.test, options, examination);
    const overlap = findOverlap(prints, tests.prints);
    bad += tests.report.problems.length;
    lines.push(...problemTexts(tests.report.problems), overlapText(tests.report.file, tests.report.rows, overlap));
    Object.assign(result, { test: tests.report, overlap });
  }
  printResult(options.json, result, lines.join('\n'));
  if (bad > 0) process.exitCode = 1;
}

function examineFile(file: string, { images }: ValidateOptions, options: ExaminationOptions) {
  const read = checkUsage(() => rowsFile(file));
  return showReading(`validate ${path.basename(read)}`, { file: read }, (onBytes) =>
    examineRows({ file, images, onBytes }, options),
  );
}

/** Examines sets of the released dataset. */
async function validateDataset(from: string, { task, set, json }: ValidateOptions): Promise<void> {
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
      ...problemTexts(problems),
      ...files.map(({ file, sound, problems }) => `${file}: ${sound} sound rows, ${problems.length} problems`),
    ].join('\n'),
  );
  if (problems.length > 0) process.exitCode = 1;
}
