/** From prepared rows to what trainers and evaluations read: encoded prompts, the tokens of completions, gold answers. */
import type { EvaluationItem } from '../../evaluate/evaluate.js';
import type { Deferred } from '../../model/deferred-prompt.js';
import type { EncodedPrompt } from '../../model/generate.js';
import { encodeCompletion, encodePrompt, type Model } from '../../model/model.js';
import type { RgbImage } from '../../records/image.js';
import { isUnread, type Picture, readPicture } from '../../records/picture.js';
import type { GrpoExample } from '../../train/rollout.js';
import type { SftExample } from '../../train/sft.js';
import type { PreparedRow, QuestionRow, SftRow } from './prepared-rows.js';

/** The examples of supervised fine-tuning. */
export function encodeSftRows(model: Model, rows: readonly SftRow[]): Deferred<SftExample>[] {
  return rows.map((row) => ({
    prompt: encodeRow(model, row),
    completion: encodeCompletion(model, row.completion),
  }));
}

/** The prompts of GRPO with the rows that rewards read. */
export function encodeGrpoRows(model: Model, rows: readonly QuestionRow[]): Deferred<GrpoExample>[] {
  return rows.map((row) => ({ id: row.id, prompt: encodeRow(model, row), row: row.row, images: () => readRow(row) }));
}

/** The items of an evaluation. */
export function encodeQuestions(model: Model, rows: readonly QuestionRow[]): Deferred<EvaluationItem>[] {
  return rows.map((row) => ({
    id: row.id,
    family: row.family,
    prompt: encodeRow(model, row),
    row: row.row,
    images: () => readRow(row),
  }));
}

/** The prompt of a row; for pictures that lie in files, a function that reads them and makes it. */
function encodeRow(model: Model, row: PreparedRow): EncodedPrompt | (() => Promise<EncodedPrompt>) {
  const { prompt, system, pictures } = row;
  if (!pictures.some(isUnread)) return encodePrompt(model, pictures as readonly RgbImage[], prompt, system);
  return async () => encodePrompt(model, await readRow(row), prompt, system);
}

/** The pictures of a row. @throws Error naming the row and the file of a picture that cannot be read */
async function readRow({ id, pictures }: PreparedRow): Promise<RgbImage[]> {
  try {
    return await Promise.all(pictures.map(readPicture));
  } catch (error) {
    throw new Error(`row '${id}': ${(error as Error).message}`, { cause: error });
  }
}

/** Reads the pictures of rows. @returns `[rows][pictures]` */
export function readPictures(files: readonly (readonly Picture[])[]): Promise<RgbImage[][]> {
  return Promise.all(files.map((row) => Promise.all(row.map(readPicture))));
}
