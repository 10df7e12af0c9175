/** Reads and writes records as JSON Lines; a file with bad rows is refused with every one of them named. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../engine/atomic-write.js';
import type { TaskRecord } from './record.js';

const text = z.string().min(1);
const schema = z.object({
  id: text,
  image: z.union([text, z.array(text).min(1)]),
  problem: text,
  answer: text,
  cot: z.string(),
  task: text,
  family: text,
  domain: text,
  scene: z.unknown(),
  program: z.unknown(),
});

/** How many bad rows a message lists. */
const MOST_LISTED = 20;

/** The image files of a record. */
export function imageNames(record: { image: string | string[] }): string[] {
  return Array.isArray(record.image) ? record.image : [record.image];
}

/**
 * Reads a file of records whose images lie in `images/` beside it.
 *
 * @throws Error listing every bad row by file, row, field and reason: not JSON, a missing or empty field, an id that occurs
 *   twice, an image that is missing or lies outside the folder
 */
export function readRecords(file: string): TaskRecord[] {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read the records in ${file}: ${(error as Error).message}`);
  }
  const folder = path.join(path.dirname(file), 'images');
  const problems: string[] = [];
  const ids = new Map<string, number>();
  const records: TaskRecord[] = [];
  content.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const bad = (field: string, reason: string) => problems.push(`${file}, row ${i + 1}, ${field}: ${reason}`);
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (error) {
      bad('whole row', `not JSON (${(error as Error).message})`);
      return;
    }
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      for (const issue of parsed.error.issues) bad(`field '${issue.path.join('.')}'`, issue.message);
      return;
    }
    const record = parsed.data as TaskRecord;
    const earlier = ids.get(record.id);
    if (earlier !== undefined) bad("field 'id'", `'${record.id}' is also the id of row ${earlier}`);
    ids.set(record.id, i + 1);
    for (const name of imageNames(record)) {
      const image = path.resolve(folder, name);
      if (!image.startsWith(path.resolve(folder) + path.sep)) bad("field 'image'", `'${name}' lies outside ${folder}`);
      else if (!existsSync(image)) bad("field 'image'", `there is no file ${image}`);
    }
    records.push(record);
  });
  if (problems.length > 0) {
    const more = problems.length - MOST_LISTED;
    throw new Error(
      `${problems.length} problems in the records:\n${problems.slice(0, MOST_LISTED).join('\n')}${more > 0 ? `\n... and ${more} more` : ''}`,
    );
  }
  return records;
}

/** Writes records, one JSON object a line. */
export function writeRecords(file: string, records: readonly object[]): void {
  writeFileAtomic(file, (write) => {
    for (const record of records) write(`${JSON.stringify(record)}\n`);
  });
}
