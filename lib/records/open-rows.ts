/**
 * Reads rows of any data in the forms that the field has. A row needs `id`, `problem` and `answer`, and has pictures under `image` or
 * `images`, or none; every other column stays part of it. Pictures are not decoded here.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { pathWithin } from './image.js';
import { metadataFile, streamImageFolder } from './image-folder.js';
import { type JsonRow, streamJsonRows } from './json-rows.js';
import { streamParquetRows } from './parquet-rows.js';
import { PackedPicture, type PictureFile } from './picture.js';
import type { DataRow, TaskRecord } from './record.js';
import { stringField, textField } from './records.js';
import { problemList, problemTexts, type RowProblem } from './row-problem.js';
import { fromShareGpt, isShareGpt } from './sharegpt.js';

/** Rows with the files of their pictures: the pictures of a large set would not fit in memory. */
export interface RowFiles<Row extends DataRow = TaskRecord> {
  records: Row[];
  files: PictureFile[][];
  /** Whether the rows are conversations, whose questions are whole prompts. Default: false. */
  conversations?: boolean;
}

/** A sound row. */
export interface OpenRow {
  /** The number of the row, from 1; in JSON Lines the number of the line. */
  row: number;
  record: DataRow;
  pictures: PictureFile[];
  /** Whether it was written as a conversation. */
  isConversation: boolean;
}

/** Where rows come from. */
export interface RowSource {
  /** JSON Lines, a JSON array or Parquet, each of rows or of conversations (ShareGPT); or a folder in the image-folder form. */
  file: string;
  /** The folder of the pictures. Default: a name is looked for in `images/` beside the file, and beside the file. */
  images?: string;
  /** Called as the file is read, with the number of bytes so far. */
  onBytes?: (bytes: number) => void;
}

/** A field that must be a text; a number is read as its text. */
const wordsField = z.preprocess((value) => (typeof value === 'number' ? String(value) : value), textField);

const pictureField = z.union([textField, z.instanceof(PackedPicture)]);

/** The names of pictures, or pictures that stand in the file itself. */
const picturesField = z
  .union([pictureField.transform((picture) => [picture]), z.array(pictureField)], {
    error: 'is neither a file name nor a list of file names',
  })
  .nullish();

const rowSchema = z.looseObject({
  id: wordsField,
  image: picturesField,
  images: picturesField,
  problem: textField,
  answer: wordsField,
  cot: stringField.optional(),
});

/**
 * Yields the sound rows of a file, in order, and reports the problems of the others: not JSON, a missing field or one of the wrong
 * kind, an id that occurs twice, a picture that is missing or lies outside the folder, a conversation of another form than question and
 * answer. Memory grows with the ids alone.
 *
 * @throws Error naming the file when it cannot be read
 */
export async function* streamRows(source: RowSource, report: (problem: RowProblem) => void): AsyncGenerator<OpenRow> {
  const { file, rows, folders } = openSource(source);
  const ids = new Map<string, number>();
  for await (const { row, json, broken } of rows) {
    let sound = true;
    const bad = (field: string, reason: string) => {
      sound = false;
      report({ file, row, field, reason });
    };
    if (broken !== undefined) {
      bad('whole row', broken);
      continue;
    }
    if (Array.isArray(json)) {
      bad(
        'whole row',
        'is a list; a row is an object with named columns: {"id": ..., "image": ..., "problem": ..., "answer": ...}',
      );
      continue;
    }
    const conversation = isShareGpt(json) ? fromShareGpt(json, row) : { columns: json };
    if ('reason' in conversation) {
      bad(conversation.field, conversation.reason);
      continue;
    }
    const parsed = rowSchema.safeParse(conversation.columns);
    if (!parsed.success) {
      for (const { path: field, message } of parsed.error.issues) bad(field.join('.') || 'whole row', message);
      continue;
    }
    const { image, images, ...columns } = parsed.data;
    if (image && images) bad('images', 'stands beside image; name the pictures in one of the two');
    const earlier = ids.get(columns.id);
    if (earlier !== undefined) bad('id', `'${columns.id}' is also the id of row ${earlier}`);
    else ids.set(columns.id, row);
    const pictures = (image ?? images ?? []).map((picture) => {
      if (picture instanceof PackedPicture) return picture;
      const found = locatePicture(picture, folders);
      if ('file' in found) return found.file;
      bad(image ? 'image' : 'images', found.reason);
      return picture;
    });
    const names = (image ?? images ?? []).map((picture) => (typeof picture === 'string' ? picture : picture.name));
    if (sound) yield { row, record: { ...columns, image: names }, pictures, isConversation: isShareGpt(json) };
  }
}

/**
 * Reads all rows of a file.
 *
 * @throws Error listing every bad row by file, row, field and reason
 */
export async function readRows(source: RowSource): Promise<RowFiles<DataRow>> {
  const problems: RowProblem[] = [];
  const rows: RowFiles<DataRow> = { records: [], files: [] };
  let conversations = 0;
  for await (const row of streamRows(source, (problem) => problems.push(problem))) {
    rows.records.push(row.record);
    rows.files.push(row.pictures);
    if (row.isConversation) conversations++;
  }
  if (problems.length > 0) throw new Error(problemList(problems[0]!.file, problemTexts(problems), problems.length));
  if (rows.records.length === 0) throw new Error(`there are no records in ${source.file}`);
  if (conversations === 0) return rows;
  if (conversations < rows.records.length)
    throw new Error(
      `${source.file}: ${conversations} of ${rows.records.length} rows are conversations (ShareGPT), the others are not; keep the two kinds in files of their own`,
    );
  return { ...rows, conversations: true };
}

/** The file that rows stand in: itself, or the metadata of a folder of pictures. @throws Error when a folder has no metadata */
export function rowsFile(file: string): string {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ? metadataFile(file) : file;
}

/** The file that rows stand in, its rows as they are written, and the folders in which their pictures are looked for. */
interface OpenSource {
  file: string;
  rows: AsyncGenerator<JsonRow>;
  folders: string[];
}

/** @throws Error when there is no such file, or a folder has no rows */
function openSource({ file, images, onBytes }: RowSource): OpenSource {
  const status = statSync(file, { throwIfNoEntry: false });
  if (!status) throw new Error(`cannot read the records in ${file}: there is no such file`);
  if (status.isDirectory()) {
    const metadata = rowsFile(file);
    return { file: metadata, rows: streamImageFolder(metadata, onBytes), folders: [images ?? file] };
  }
  const beside = path.dirname(file);
  const folders = images === undefined ? [path.join(beside, 'images'), beside] : [images];
  const rows = file.endsWith('.parquet') ? streamParquetRows(file, onBytes) : streamJsonRows(file, onBytes);
  return { file, rows, folders };
}

/** The file of a picture by its name, or why there is none. */
function locatePicture(name: string, folders: readonly string[]): { file: string } | { reason: string } {
  const places = folders.map((folder) => pathWithin(folder, name)).filter((place) => place !== undefined);
  if (places.length === 0)
    return {
      reason: `'${name}' lies outside ${folders.at(-1)}: name a file in that folder, relative to it, or give another folder (--images)`,
    };
  const existing = places.filter((place) => existsSync(place));
  if (existing.length > 1)
    return { reason: `'${name}' means ${existing.join(' and ')}; say which folder the names start from (--images)` };
  return existing[0] === undefined ? { reason: `there is no file ${places.join(', nor ')}` } : { file: existing[0] };
}
