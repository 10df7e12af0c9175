/** Rows as a model is shown them: the text of the prompt, the pictures, and the text that should come of them. */
import type { RowFiles } from '../../records/open-rows.js';
import type { Picture } from '../../records/picture.js';
import type { DataRow } from '../../records/record.js';
import { type PromptOptions, promptWriter, WHOLE_TEXTS } from '../../tasks/asked-prompt.js';
import { type PromptStyle, writeTarget } from '../../tasks/prompts.js';
import type { LoadedRows } from '../data/load-rows.js';

/** Records with their pictures, or with the files of these. */
export type Rows = LoadedRows<DataRow> | RowFiles<DataRow>;

/** A row as a model is shown it. */
export interface PreparedRow {
  id: string;
  /** The text of the user's turn, with the instruction of its style. */
  prompt: string;
  /** The text of the system's turn, if there is one. */
  system?: string;
  /** The pictures, or their files, which are read each time that the row is needed. */
  pictures: readonly Picture[];
  /** The row with all its columns, which rewards and scorers may read. */
  row: DataRow;
}

/** A row of supervised fine-tuning. */
export interface SftRow extends PreparedRow {
  /** The text that the model learns to write. */
  completion: string;
}

/** A row that asks and is judged: of GRPO, of validation, of a test set. */
export interface QuestionRow extends PreparedRow {
  family: string;
  /** The gold answer. */
  solution: string;
}

/** What SFT trains: the answer alone, or rationale and answer in tags. */
export type SftTarget = 'answer' | 'cot';

/** The prompt's style that goes with a target, in training and in validation. */
export function styleOfTarget(target: SftTarget): PromptStyle {
  return target === 'cot' ? 'think' : 'bare';
}

/**
 * Prepares rows for supervised fine-tuning.
 *
 * @param asked how rows are put to the model; default: in the style that goes with the target
 * @throws Error naming a row without a rationale when the target is one
 */
export function prepareSftRows(rows: Rows, target: SftTarget, asked: PromptOptions = {}): SftRow[] {
  const write = promptWriter({ style: styleOfTarget(target), ...wholeTexts(rows), ...asked });
  return rows.records.map((record, i) => ({
    id: record.id,
    ...write(record),
    pictures: picturesOf(rows, i),
    row: record,
    completion: target === 'cot' ? writeTarget(rationaleOf(record), record.answer) : record.answer,
  }));
}

function rationaleOf({ id, cot }: DataRow): string {
  if (cot === undefined)
    throw new Error(`row '${id}' has no rationale (cot) to learn from; train on the answers alone: --target answer`);
  return cot;
}

/** Prepares rows that ask. @param asked how rows are put to the model: the style of their task, such as GRPO's `think`, or more */
export function prepareQuestions(rows: Rows, asked: PromptStyle | PromptOptions): QuestionRow[] {
  const write = promptWriter({ ...wholeTexts(rows), ...(typeof asked === 'string' ? { style: asked } : asked) });
  return rows.records.map((record, i) => ({
    id: record.id,
    ...write(record),
    pictures: picturesOf(rows, i),
    row: record,
    family: familyOf(record),
    solution: record.answer,
  }));
}

function wholeTexts(rows: Rows): PromptOptions {
  return 'conversations' in rows && rows.conversations ? WHOLE_TEXTS : {};
}

function picturesOf(rows: Rows, row: number): PreparedRow['pictures'] {
  return 'images' in rows ? rows.images[row]! : rows.files[row]!;
}

/** The family of rows that name none. */
const NO_FAMILY = 'all';

/** The group of like questions that a row belongs to: its column `family`. */
function familyOf({ family }: DataRow): string {
  return typeof family === 'string' ? family : NO_FAMILY;
}
