/** `reason-rft convert`: the released dataset in the forms that trainers read. */
import path from 'node:path';
import type { Command } from 'commander';
import { convertReleased, RELEASED_FORMS, type ReleasedForm } from '../../data/released/convert.js';
import { type ReleasedSet, releasedSet, stageRows } from '../../data/released/dataset.js';
import { readPromptFile } from '../../data/released/prompts.js';
import { problemText } from '../../records/row-problem.js';
import { printResult } from '../print-result.js';
import { showReading } from '../read-progress.js';
import { TASK_OPTION } from '../task-option.js';
import { checkUsage, UsageError } from '../usage.js';

interface ConvertOptions {
  from: string;
  task: string;
  form: string;
  out: string;
  set: string;
  stage?: string;
  rows?: string;
  prompts?: string;
  embed?: boolean;
  skipBad?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('the released Reason-RFT dataset in the forms that trainers read')
    .requiredOption('--from <dir>', 'the downloaded dataset, its images unpacked')
    .requiredOption(...TASK_OPTION)
    .requiredOption(
      '--form <name>',
      'records (for sft, grpo and evaluate here), ans-sft or cot-sft (ShareGPT), rl (the released trainer), trl (Parquet)',
    )
    .requiredOption('--out <file>', '.json: an array; .jsonl: JSON Lines; .parquet: trl')
    .option('--set <name>', 'train, id, ood, ood-left or ood-right', 'train')
    .option('--stage <name>', 'one (first 1,600 rows) or two (the rest; all of structure) of Reason-RFT training')
    .option('--rows <from:to>', 'some of the rows, counted from 0')
    .option('--prompts <file>', "the authors' utils/prompts.py, to put questions in their words (default: the kit's)")
    .option('--embed', 'with trl: the bytes of the images inside the file')
    .option('--skip-bad', 'leave bad rows out and name them; else one of them stops the conversion')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nImage names of the rows are relative to images/ of the dataset.\nExample: reason-rft convert --from Reason-RFT-CoT-Dataset --task counting --stage one --form cot-sft --out stage-one.json',
    )
    .action(convert);
}

async function convert(options: ConvertOptions): Promise<void> {
  const form = checkForm(options);
  const set = checkUsage(() => releasedSet(options.from, options.task, options.set));
  const rows = askedRows(options, set);
  const prompts = options.prompts === undefined ? undefined : checkUsage(() => readPromptFile(options.prompts!));
  const { written, problems } = await showReading('convert', set, (onBytes) =>
    convertReleased(set, form, options.out, { ...options, rows, prompts, onBytes }),
  );
  for (const problem of problems) process.stderr.write(`left out: ${problemText(problem)}\n`);
  const images = path.resolve(set.imageRoot);
  printResult(
    options.json,
    { file: options.out, rows: written, images, problems },
    `${written} rows in ${options.out}; their images are in ${images}`,
  );
}

/** The form that `--form` names, which the other options must suit. */
function checkForm({ form: name, out, embed, prompts }: ConvertOptions): ReleasedForm {
  const form = RELEASED_FORMS.find((known) => known === name);
  if (form === undefined) throw new UsageError(`there is no form '${name}'; choose ${RELEASED_FORMS.join(', ')}`);
  if ((form === 'trl') !== out.endsWith('.parquet'))
    throw new UsageError(`${form} is not written to ${out}: trl goes to a .parquet file, and nothing else does`);
  if (embed && form !== 'trl') throw new UsageError('--embed is for --form trl');
  if (prompts !== undefined && (form === 'records' || form === 'rl'))
    throw new UsageError(`--prompts says nothing of ${form}, whose questions are put by the trainer`);
  return form;
}

/** The rows that `--stage` or `--rows` ask for; undefined for all. */
function askedRows({ stage, rows }: ConvertOptions, set: ReleasedSet): [number, number] | undefined {
  if (stage !== undefined && rows !== undefined) throw new UsageError('give --stage or --rows, not both');
  if (stage !== undefined) {
    if (stage !== 'one' && stage !== 'two') throw new UsageError(`--stage must be one or two, got '${stage}'`);
    if (set.set !== 'train') throw new UsageError('--stage is for the train set');
    return stageRows(set.task, stage);
  }
  if (rows === undefined) return undefined;
  const [from, to] = (/^(\d+):(\d+)$/.exec(rows) ?? []).slice(1).map(Number);
  if (from === undefined || to === undefined || from >= to)
    throw new UsageError(`--rows must be two whole numbers that rise, such as 0:3200, got '${rows}'`);
  return [from, to];
}
