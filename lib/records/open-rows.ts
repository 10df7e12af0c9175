/**
 * Reads rows of any data. A row needs `id`, `problem` and `answer`, and has pictures under `image` or `images`, or none; every other
 * column stays part of it. Pictures are not decoded here.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { pathWithin } from './image.js';
import { streamJsonRows } from './json-rows.js';
import type { PictureFile } from './picture.js';
import type { DataRow, TaskRecord } from './record.js';
import { stringField, textField } from './records.js';
import { problemList, problemText, type RowProblem } from './row-problem.js';

/** Rows with the files of their pictures: the pictures of a large set would not fit in memory. */
export interface RowFiles<Row extends DataRow = TaskRecord> {
  records: Row[];
  files: PictureFile[][];
}

/** A sound row. */
interface OpenRow {
  /** The number of the row, from 1; in JSON Lines the number of the line. */
  row: number;
  record: DataRow;
  pictures: PictureFile[];
}

/** Where rows come from. */
export interface RowSource {
  file: string;
  /** The folder of the pictures. Default: a name is looked for in `images/` beside the file, and beside the file. */
  images?: string;
  /** Called as the file is read, with the number of bytes so far. */
  onBytes?: (bytes: number) => void;
}

/** A field that must be a text; a number is read as its text. */
const wordsField = z.preprocess((value) => (typeof value === 'number' ? String(value) : value), textField);

/** The names of pictures. */
const picturesField = z
  .union([textField.transform((name) => [name]), z.array(textField)], {
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
 * kind, an id that occurs twice, a picture that is missing or lies outside the folder. Memory grows with the ids alone.
 *
 * @param source.file JSON Lines, or one JSON array
 * @throws Error naming the file when it cannot be read
 */
async function* streamRows(
  { file, images, onBytes }: RowSource,
  report: (problem: RowProblem) => void,
): AsyncGenerator<OpenRow> {
  const locate = pictureLocator(file, images);
  const ids = new Map<string, number>();
  for await (const { row, json, broken } of streamJsonRows(file, onBytes)) {
    let sound = true;
    const bad = (field: string, reason: string) => {
      sound = false;
      report({ file, row, field, reason });
    };
    if (broken !== undefined) {
      bad('whole row', broken);
      continue;
    }
    const parsed = rowSchema.safeParse(json);
    if (!parsed.success) {
      for (const { path: field, message } of parsed.error.issues) bad(field.join('.') || 'whole row', message);
      continue;
    }
    const { image, images: several, ...columns } = parsed.data;
    if (image && several) bad('images', 'stands beside image; name the pictures in one of the two');
    const earlier = ids.get(columns.id);
    if (earlier !== undefined) bad('id', `'${columns.id}' is also the id of row ${earlier}`);
    else ids.set(columns.id, row);
    const names = image ?? several ?? [];
    const pictures = names.map((name) => {
      const found = locate(name);
      if (typeof found === 'string') return found;
      bad(image ? 'image' : 'images', found.reason);
      return '';
    });
    if (sound) yield { row, record: { ...columns, image: names }, pictures };
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
  for await (const { record, pictures } of streamRows(source, (problem) => problems.push(problem))) {
    rows.records.push(record);
    rows.files.push(pictures);
  }
  if (problems.length > 0) throw new Error(problemList(source.file, problems.map(problemText)));
  if (rows.records.length === 0) throw new Error(`there are no records in ${source.file}`);
  return rows;
}

/** Makes the function that finds the file of a picture by its name, or says why there is none. */
function pictureLocator(file: string, images: string | undefined): (name: string) => string | { reason: string } {
  const beside = path.dirname(file);
  const folders = images === undefined ? [path.join(beside, 'images'), beside] : [images];
  const [first] = folders as [string];
  return (name) => {
    const places = folders.map((folder) => pathWithin(folder, name)).filter((place) => place !== undefined);
    if (places.length === 0)
      return {
        reason: `'${name}' lies outside ${folders.at(-1)}: name a file in that folder, relative to it, or give another folder (--images)`,
      };
    const existing = places.filter((place) => existsSync(place));
    if (existing.length > 1)
      return { reason: `'${name}' means ${existing.join(' and ')}; say which folder the names start from (--images)` };
    return (
      existing[0] ?? {
        reason: `there is no file ${pathWithin(first, name) ?? path.join(first, name)}${folders.length > 1 ? `, nor one beside ${path.basename(file)}` : ''}`,
      }
    );
  };
}
