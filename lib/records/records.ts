/** Reads and writes files of records. A file with bad rows is refused, and the error names every one of them. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { pathWithin } from './image.js';
import type { TaskRecord } from './record.js';
import { problemList } from './row-problem.js';

/** The most characters of a text. Models of this kind read some 32,000 tokens, which are 130,000 characters of English. */
const LONGEST_TEXT = 100_000;

/** A field that must be a string. */
export const stringField = z
  .string({
    error: ({ input }) => (input === undefined ? 'is missing' : `is not a string, but ${kind(input)}`),
  })
  .max(LONGEST_TEXT, {
    error: ({ input }) => `has ${(input as string).length} characters; at most ${LONGEST_TEXT} are possible`,
  });
/** A field that must be a string and not empty. */
export const textField = stringField.min(1, 'is empty');

/** A field of one file name or a list of them. */
export const imageField = z.union([textField, z.array(textField).min(1)], {
  error: 'is neither a file name nor a list of file names',
});

const taskSchema = z.object({
  id: textField,
  image: imageField,
  problem: textField,
  answer: textField,
  cot: stringField,
  task: textField,
  family: textField,
  domain: textField,
  scene: z.unknown(),
  program: z.unknown(),
});

/** The kind of a JSON value, in words. */
function kind(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a${typeof value === 'object' ? 'n' : ''} ${typeof value}`;
}

/** The names of a record's image files. */
export function imageNames(record: { image: string | string[] }): string[] {
  return Array.isArray(record.image) ? record.image : [record.image];
}

/**
 * Reads records of the kit's own tasks.
 *
 * @param file JSON Lines, or one JSON array
 * @param imageFolder where the images lie; default: `images/` beside the file
 * @throws Error listing every bad row by file, row (from 1), field and reason: not JSON, a missing or empty field, an id that
 *   occurs twice, an image that is missing or lies outside the folder
 */
export function readRecords(file: string, imageFolder = path.join(path.dirname(file), 'images')): TaskRecord[] {
  const problems: string[] = [];
  const ids = new Map<string, number>();
  const records: TaskRecord[] = [];
  for (const { row, json, broken } of parseRows(file)) {
    const bad = (field: string, reason: string) => problems.push(`${file}, row ${row}, ${field}: ${reason}`);
    if (broken !== undefined) {
      bad('whole row', `not JSON (${broken})`);
      continue;
    }
    const parsed = taskSchema.safeParse(json);
    if (!parsed.success) {
      for (const { path: field, message } of parsed.error.issues) {
        bad(field.length > 0 ? `field '${field.join('.')}'` : 'whole row', message);
      }
      continue;
    }
    const record = parsed.data as TaskRecord;
    const earlier = ids.get(record.id);
    if (earlier !== undefined) bad("field 'id'", `'${record.id}' is also the id of row ${earlier}`);
    else ids.set(record.id, row);
    for (const name of imageNames(record)) {
      const image = pathWithin(imageFolder, name);
      if (image === undefined) bad("field 'image'", `'${name}' lies outside ${imageFolder}`);
      else if (!existsSync(image)) bad("field 'image'", `there is no file ${image}`);
    }
    records.push(record);
  }
  if (problems.length > 0) throw new Error(problemList(file, problems));
  if (records.length === 0) throw new Error(`there are no records in ${file}`);
  return records;
}

/** The rows of a file with their numbers: the lines of JSON Lines, or the elements of a JSON array. */
function* parseRows(file: string): Generator<{ row: number; json?: unknown; broken?: string }> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read the records in ${file}: ${(error as Error).message}`);
  }
  content = content.replace(/^\uFEFF/, '');
  if (/^\s*\[/.test(content)) {
    let array: unknown[];
    try {
      array = JSON.parse(content) as unknown[];
    } catch (error) {
      throw new Error(`the records in ${file} begin as a JSON array but are not one: ${(error as Error).message}`);
    }
    for (const [i, json] of array.entries()) yield { row: i + 1, json };
    return;
  }
  let row = 0;
  // Line by line from the one string: a split would hold every row twice.
  for (let start = 0; start < content.length; ) {
    const newline = content.indexOf('\n', start);
    const end = newline < 0 ? content.length : newline;
    const line = content.slice(start, end);
    start = end + 1;
    row++;
    if (line.trim() === '') continue;
    try {
      yield { row, json: JSON.parse(line) };
    } catch (error) {
      yield { row, broken: (error as Error).message };
    }
  }
}

/** Writes records, one JSON object a line. */
export function writeRecords(file: string, records: readonly object[]): void {
  writeFileAtomic(file, (write) => {
    for (const record of records) write(`${JSON.stringify(record)}\n`);
  });
}
