/** Examines a folder of data and changes nothing in it: every row, every picture, and whether the rows are those that were written. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isGoneMark } from '../../engine/partial-folder.js';
import { readRows } from '../../records/open-rows.js';
import { readPicture } from '../../records/picture.js';
import { examinePart, type Finding } from '../finding.js';

/** So many pictures are decoded at a time: more would take memory and no less time. */
const DECODED_AT_ONCE = 8;

/** Examines every set of a folder, in the order in which they were written: training rows first. */
export async function examineData(folder: string): Promise<Finding[]> {
  const sets = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort((a, b) => Number(b === 'train.jsonl') - Number(a === 'train.jsonl'));
  const remake = `remove ${folder} and run 'npx reason-rft curate' again, or put the files back from a copy`;
  const findings: Finding[] = [];
  for (const set of sets) {
    const look = async () => {
      const { records, files } = await readRows({ file: path.join(folder, set) });
      const pictures = [...new Set(files.flat())];
      for (let first = 0; first < pictures.length; first += DECODED_AT_ONCE)
        await Promise.all(pictures.slice(first, first + DECODED_AT_ONCE).map(readPicture));
      return `${records.length} rows, ${pictures.length} pictures, all of them can be read`;
    };
    findings.push(await examinePart(set, look, remake));
  }
  if (existsSync(path.join(folder, 'source.json')))
    findings.push(await examinePart('source.json', () => sourceText(folder, sets), remake));
  return [...findings, ...examineBeside(folder)];
}

/** @throws Error when the rows are not those that were written */
function sourceText(folder: string, sets: readonly string[]): string {
  const file = path.join(folder, 'source.json');
  const source = JSON.parse(readFileSync(file, 'utf8')) as {
    records?: string;
    rows?: { [set: string]: number };
  } | null;
  const rowsOf = (set: string): unknown[] =>
    readFileSync(path.join(folder, set), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  if (typeof source?.records === 'string') {
    // Test sets were written in an order of the task's, which the folder does not tell: the digest names the rows in some order.
    const matches = orders(sets.slice(1)).some((order) => {
      const rows = [...sets.slice(0, 1), ...order].flatMap(rowsOf);
      return createHash('sha256').update(JSON.stringify(rows)).digest('hex') === source.records;
    });
    if (!matches)
      throw new Error(`the rows are not those that ${file} was written with: a set was changed, added or lost`);
    return 'the rows are those that were written';
  }
  if (source?.rows) {
    for (const [set, count] of Object.entries(source.rows)) {
      const name = set === 'train' ? 'train.jsonl' : `test-${set}.jsonl`;
      const found = sets.includes(name) ? rowsOf(name).length : 0;
      if (found !== count) throw new Error(`${name} holds ${found} rows, and ${file} speaks of ${count}`);
    }
    return 'as many rows as were converted';
  }
  throw new Error(`${file} does not say which rows the folder was written with`);
}

/** Every order of a few names. */
function orders(names: readonly string[]): string[][] {
  if (names.length === 0) return [[]];
  return names.flatMap((name) => orders(names.filter((other) => other !== name)).map((rest) => [name, ...rest]));
}

/** What processes have begun to write beside the folder. */
function examineBeside(folder: string): Finding[] {
  const { dir, base } = path.parse(path.resolve(folder));
  const names = readdirSync(dir).filter((name) => name.startsWith(`${base}.`) && name.endsWith('.partial'));
  return names.map((name) => {
    const gone = isGoneMark(name.slice(base.length + 1, -'.partial'.length).replace(/\.\d+$/, ''));
    return {
      part: name,
      state: 'note',
      text: gone ? 'was left half-written by a process that is gone' : 'is being written',
      ...(gone ? { remedy: 'remove it' } : {}),
    };
  });
}
