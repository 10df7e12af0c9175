/** Reads the released meta files row by row and checks each row. Every bad row is reported and left out. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { checkShape, pathWithin, readImage } from '../../records/image.js';
import { type JsonRow, streamJsonRows } from '../../records/json-rows.js';
import type { MetaRecord } from '../../records/record.js';
import { imageField, imageNames, stringField, textField } from '../../records/records.js';
import type { RowProblem } from '../../records/row-problem.js';
import { type ReleasedSet, releasedRows } from './dataset.js';

/** A sound row. Image names are relative to the dataset's `images/`: `train_images/a.png`; test rows have an empty `cot`. */
export interface ReleasedRow {
  row: number;
  record: MetaRecord;
}

/**
 * A row as it is released. Test rows have no rationale. The released evaluation reads the field `problem_no_prompt` of geometry rows: if
 * it is there, it is the question, and `problem` holds an instruction already.
 */
const META = z.object({
  id: textField,
  image: imageField,
  problem: textField,
  answer: textField,
  cot: stringField.optional(),
  problem_no_prompt: textField.optional(),
  task: textField.optional(),
});
type Meta = z.infer<typeof META>;

/** Texts that trainers read as a place for an image, a video or a sound, or as a control token. */
const PLACEHOLDER = /<image>|<video>|<audio>|<\|\w+\|>/;
const TAG = /<\/?(?:think|answer|summary|caption)>/;
/** The number of rows whose images are checked together. */
const AHEAD = 64;

/**
 * Yields the sound rows of a set, in order, and reports the problems of the others: not JSON, a missing field, a field of the wrong
 * kind, an id used before, an answer that is none of the task's, a rationale that is empty or holds tags, text with an image's
 * placeholder or a control token, an image that is missing, outside the folder, or that a run could not read or show. Each image is decoded once, as a run would.
 * Memory grows with the ids and the names of images, not with the rest of the file.
 *
 * @param onBytes called as the file is read, with the number of bytes so far
 */
export async function* readReleased(
  set: ReleasedSet,
  report: (problem: RowProblem) => void,
  onBytes?: (bytes: number) => void,
): AsyncGenerator<ReleasedRow> {
  const check = rowCheck(set);
  const waiting: Promise<Checked>[] = [];
  const settle = async () => {
    const settled = await Promise.all(waiting.splice(0));
    for (const { problems } of settled) problems.forEach(report);
    return settled.flatMap(({ sound }) => sound ?? []);
  };
  for await (const row of streamJsonRows(set.file, onBytes)) {
    waiting.push(check(row));
    if (waiting.length === AHEAD) yield* await settle();
  }
  yield* await settle();
}

/** Counts the sound rows of a set and collects everything that is wrong with the others. */
export async function validateReleased(
  set: ReleasedSet,
  onBytes?: (bytes: number) => void,
): Promise<{ sound: number; problems: RowProblem[] }> {
  const problems: RowProblem[] = [];
  let sound = 0;
  for await (const _ of readReleased(set, (problem) => problems.push(problem), onBytes)) sound++;
  if (sound + problems.length === 0)
    problems.push({ file: set.file, row: 1, field: 'whole row', reason: 'there are no rows' });
  return { sound, problems };
}

interface Checked {
  problems: RowProblem[];
  sound?: ReleasedRow;
}

/** Makes the function that checks one row after the other. It compares ids in the order of its calls. */
function rowCheck(set: ReleasedSet): (row: JsonRow) => Promise<Checked> {
  const ids = new Map<string, number>();
  const images = new Map<string, Promise<string | undefined>>();
  return async ({ row, json, broken }) => {
    const problems: RowProblem[] = [];
    const bad = (field: string, reason: string) => problems.push({ file: set.file, row, field, reason });
    if (broken !== undefined) {
      bad('whole row', broken);
      return { problems };
    }
    const parsed = META.safeParse(json);
    if (!parsed.success) {
      for (const {
        path: [field],
        message,
      } of parsed.error.issues)
        bad(String(field ?? 'whole row'), message);
      return { problems };
    }
    const meta = parsed.data;
    const earlier = ids.get(meta.id);
    if (earlier !== undefined) bad('id', `'${meta.id}' is also the id of row ${earlier}`);
    else ids.set(meta.id, row);
    checkText(set, meta, bad);
    const names = imageNames(meta);
    const { images: expected } = releasedRows(set.task);
    if (names.length !== expected) bad('image', `names ${names.length} files; the task shows ${expected}`);
    for (const name of names) {
      const file = `${set.imageFolder}/${name}`;
      if (!images.has(file)) images.set(file, imageFault(set, name));
      const fault = await images.get(file);
      if (fault !== undefined) bad('image', fault);
    }
    return problems.length > 0 ? { problems } : { problems, sound: { row, record: recordOf(set, meta) } };
  };
}

function checkText(set: ReleasedSet, meta: Meta, bad: (field: string, reason: string) => void): void {
  if (meta.task !== undefined && meta.task !== set.task)
    bad('task', `'${meta.task}' is not ${set.task}, the task of this file`);
  const question = meta.problem_no_prompt === undefined ? 'problem' : 'problem_no_prompt';
  const texts = [
    [question, meta[question]!] as const,
    ['answer', meta.answer] as const,
    ['cot', meta.cot ?? ''] as const,
  ];
  for (const [field, text] of texts) {
    const [forbidden] = PLACEHOLDER.exec(text) ?? TAG.exec(text) ?? [];
    if (forbidden !== undefined) bad(field, `holds ${forbidden}`);
  }
  const fault = releasedRows(set.task).answerFault(meta.answer.trim());
  if (fault !== undefined) bad('answer', fault);
  if (set.set === 'train' && (meta.cot ?? '').trim() === '')
    bad('cot', meta.cot === undefined ? 'is missing' : 'is empty');
}

/** Says why a name leads to no image that a run can read and show; undefined when it leads to one. */
async function imageFault({ imageRoot, imageFolder }: ReleasedSet, name: string): Promise<string | undefined> {
  const folder = `${imageRoot}/${imageFolder}`;
  const file = pathWithin(folder, name);
  if (file === undefined) return `'${name}' lies outside ${folder}`;
  if (!existsSync(file)) return `there is no file ${file}`;
  try {
    const image = await readImage(file);
    try {
      checkShape(image);
    } catch (error) {
      return `${file}: ${(error as Error).message}`;
    }
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

function recordOf({ imageFolder }: ReleasedSet, meta: Meta): MetaRecord {
  const within = (name: string) => `${imageFolder}/${name}`;
  return {
    id: meta.id,
    image: Array.isArray(meta.image) ? meta.image.map(within) : within(meta.image),
    problem: meta.problem_no_prompt ?? meta.problem,
    answer: meta.answer.trim(),
    cot: meta.cot ?? '',
  };
}
