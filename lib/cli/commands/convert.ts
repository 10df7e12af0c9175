/** `reason-rft convert`: rows of one's own, or the released dataset, in the forms that trainers read. */
import path from 'node:path';
import type { Command } from 'commander';
import { convertOwn, type OwnForm } from '../../data/convert-own.js';
import { convertReleased, RELEASED_FORMS, type ReleasedForm } from '../../data/released/convert.js';
import { type ReleasedSet, releasedSet, stageRows } from '../../data/released/dataset.js';
import { readPromptFile } from '../../data/released/prompts.js';
import { problemTexts } from '../../records/row-problem.js';
import { TASK_NAMES } from '../../tasks/tasks.js';
import { printResult } from '../print-result.js';
import { addPromptOptions, type PromptFlags, readPrompts } from '../prompt-options.js';
import { showReading } from '../read-progress.js';
import { DATA_TEXT } from '../run-options.js';
import { askedTask } from '../task-option.js';
import { checkUsage, UsageError } from '../usage.js';

interface ConvertOptions extends PromptFlags {
  data?: string;
  images?: string;
  from?: string;
  task?: string;
  form: string;
  out: string;
  set?: string;
  stage?: string;
  rows?: string;
  prompts?: string;
  embed?: boolean;
  skipBad?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addConvert(program: Command): void {
  addPromptOptions(program.command('convert'))
    .description('your own rows, or the released Reason-RFT dataset, in the forms that trainers read')
    .option('--data <file>', DATA_TEXT)
    .option('--images <dir>', 'with --data: where the pictures lie (default: in images/ beside the file, or beside it)')
    .option('--from <dir>', 'the downloaded dataset, its images unpacked')
    .option('--task <name>', `${TASK_NAMES.join(', ')}; needed with --from`)
    .requiredOption(
      '--form <name>',
      'records (for sft, grpo and evaluate here), ans-sft or cot-sft (ShareGPT), rl (the released trainer), trl (Parquet)',
    )
    .requiredOption('--out <file>', '.json: an array; .jsonl: JSON Lines; .parquet: trl')
    .option('--set <name>', 'with --from: train, id, ood, ood-left or ood-right (default: train)')
    .option(
      '--stage <name>',
      'with --from: one (first 1,600 rows) or two (the rest; all of structure) of Reason-RFT training',
    )
    .option('--rows <from:to>', 'with --from: some of the rows, counted from 0')
    .option(
      '--prompts <file>',
      "with --from: the authors' utils/prompts.py, to put questions in their words (default: the kit's)",
    )
    .option('--embed', 'with trl: the bytes of the images inside the file')
    .option('--skip-bad', 'leave bad rows out and name them; else one of them stops the conversion')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nImage names of the rows are relative to images/ of the dataset.\nExamples: reason-rft convert --data rows.jsonl --form cot-sft --out rows-sharegpt.json\n          reason-rft convert --from Reason-RFT-CoT-Dataset --task counting --stage one --form cot-sft --out stage-one.json',
    )
    .action(convert);
}

async function convert(options: ConvertOptions): Promise<void> {
  const form = checkForm(options);
  const { data, from } = options;
  if ((data === undefined) === (from === undefined))
    throw new UsageError('name what to convert: --data for rows of your own, or --from for the released dataset');
  if (data !== undefined) await convertRows(data, form, options);
  else await convertDataset(from!, form, options);
}

/** Converts rows of one's own. */
async function convertRows(data: string, form: OwnForm, options: ConvertOptions): Promise<void> {
  const { set, stage, rows, prompts, task, images, out, json } = options;
  const given = Object.entries({ set, stage, rows, prompts }).find(([, value]) => value !== undefined);
  if (given) throw new UsageError(`--${given[0]} is for the released dataset (--from), not for rows of your own`);
  const asked = { ...readPrompts(options), ...(task === undefined ? {} : { task: askedTask(task) }) };
  const source = { file: data, images };
  const { written, problems } = await convertOwn(source, form, out, { ...options, asked });
  for (const problem of problemTexts(problems)) process.stderr.write(`left out: ${problem}\n`);
  printResult(json, { file: out, rows: written, problems }, `${written} rows in ${out}`);
}

/** Converts a set of the released dataset. */
async function convertDataset(from: string, form: ReleasedForm, options: ConvertOptions): Promise<void> {
  const { task, out } = options;
  if (task === undefined) throw new UsageError('--from needs --task');
  const ownWords = options.prompt ?? options.system;
  if (ownWords !== undefined)
    throw new UsageError(
      "--prompt and --system are for rows of your own; with --from, --prompts takes the authors' words",
    );
  const set = checkUsage(() => releasedSet(from, task, options.set ?? 'train'));
  const rows = askedRows(options, set);
  const prompts = options.prompts === undefined ? undefined : checkUsage(() => readPromptFile(options.prompts!));
  const { written, problems } = await showReading('convert', set, (onBytes) =>
    convertReleased(set, form, out, { embed: options.embed, skipBad: options.skipBad, rows, prompts, onBytes }),
  );
  for (const problem of problemTexts(problems)) process.stderr.write(`left out: ${problem}\n`);
  const images = path.resolve(set.imageRoot);
  printResult(
    options.json,
    { file: out, rows: written, images, problems },
    `${written} rows in ${out}; their images are in ${images}`,
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
