/** Rows as a model is shown them: the text of the prompt, the pictures, and the text that should come of them. */
import type { RgbImage } from '../../records/image.js';
import { type PromptStyle, writeTarget } from '../../tasks/prompts.js';
import { recordPrompt } from '../../tasks/tasks.js';
import type { LoadedRows, RowFiles } from '../data/load-rows.js';

/** Records with their pictures, or with the files of these. */
export type Rows = LoadedRows | RowFiles;

/** A row as a model is shown it. */
export interface PreparedRow {
  id: string;
  /** The text of the user's turn, with the instruction of its style. */
  prompt: string;
  /** The pictures, or their files, which are read each time that the row is needed. */
  pictures: readonly RgbImage[] | readonly string[];
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

/** Prepares rows for supervised fine-tuning. */
export function prepareSftRows(rows: Rows, target: SftTarget): SftRow[] {
  return rows.records.map((record, i) => ({
    id: record.id,
    prompt: recordPrompt(record, styleOfTarget(target)),
    pictures: picturesOf(rows, i),
    completion: target === 'cot' ? writeTarget(record.cot, record.answer) : record.answer,
  }));
}

/** Prepares rows that ask in a style. GRPO asks in the style `think`. */
export function prepareQuestions(rows: Rows, style: PromptStyle): QuestionRow[] {
  return rows.records.map((record, i) => ({
    id: record.id,
    prompt: recordPrompt(record, style),
    pictures: picturesOf(rows, i),
    family: record.family,
    solution: record.answer,
  }));
}

function picturesOf(rows: Rows, row: number): PreparedRow['pictures'] {
  return 'images' in rows ? rows.images[row]! : rows.files[row]!;
}
