/** Converts released meta files to the forms that trainers read, one row at a time. A file is written whole or not at all. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { streamFileAtomic } from '../../engine/atomic-write.js';
import { imageFile } from '../../records/image.js';
import type { MetaRecord, TaskRecord } from '../../records/record.js';
import { imageNames } from '../../records/records.js';
import { problemList, problemTexts, type RowProblem } from '../../records/row-problem.js';
import { writeTarget } from '../../tasks/prompts.js';
import { toConversation, toRl } from '../convert.js';
import { type TrlRow, writeTrlParquet } from '../trl-parquet.js';
import { type ReleasedSet, releasedRows } from './dataset.js';
import { type PromptWriter, writeReleasedPrompt } from './prompts.js';
import { readReleased } from './read.js';

/**
 * - `records`: the kit's own records, which `sft`, `grpo` and `evaluate` read
 * - `ans-sft`, `cot-sft`: ShareGPT conversations
 * - `rl`: the rows of the released RL trainer
 * - `trl`: Parquet for TRL's GRPO trainer
 */
export const RELEASED_FORMS = ['records', 'ans-sft', 'cot-sft', 'rl', 'trl'] as const;
export type ReleasedForm = (typeof RELEASED_FORMS)[number];

export interface ConversionOptions {
  /** The rows [from, to) of the file, counted from 0. Default: all. */
  rows?: readonly [from: number, to: number];
  /** Writes the prompts; the forms `records` and `rl` hold none. Default: the kit's words. */
  prompts?: PromptWriter;
  /** Puts the bytes of the images into the Parquet file, which otherwise holds their paths. */
  embed?: boolean;
  /** Leaves bad rows out. Otherwise one of them stops the conversion. */
  skipBad?: boolean;
  /** Called as the file is read, with the number of bytes so far. */
  onBytes?: (bytes: number) => void;
}

/**
 * Writes a set in a form: as JSON Lines if the name ends in `.jsonl`, as Parquet for `trl`, and otherwise as one JSON array, like the
 * released files. Image names are relative to the dataset's `images/`.
 *
 * @returns the number of rows written, and the problems of the rows left out
 * @throws Error listing the bad rows, unless they are left out. Then no file is written, and an older one stays
 */
export async function convertReleased(
  set: ReleasedSet,
  form: ReleasedForm,
  out: string,
  {
    rows: [from, to] = [0, Number.POSITIVE_INFINITY],
    prompts = writeReleasedPrompt,
    ...options
  }: ConversionOptions = {},
): Promise<{ written: number; problems: RowProblem[] }> {
  if (form === 'cot-sft' && set.set !== 'train')
    throw new Error(`${set.file} holds no rationales; cot-sft is made of the train set`);
  const problems: RowProblem[] = [];
  let written = 0;
  const within = (row: number) => row > from && row <= to;
  async function* sound() {
    const report = (problem: RowProblem) => {
      if (within(problem.row)) problems.push(problem);
    };
    for await (const { row, record } of readReleased(set, report, options.onBytes)) {
      if (row > to) break;
      if (!within(row)) continue;
      written++;
      yield record;
    }
    if (problems.length > 0 && !options.skipBad) {
      const listed = problemList(set.file, problemTexts(problems), problems.length);
      throw new Error(`${listed}\nTo go on without these rows: skipBad, or --skip-bad`);
    }
    if (written === 0) throw new Error(`${set.file} holds no sound row of those asked for`);
  }
  await streamFileAtomic(out, async (write) => {
    if (form === 'trl') {
      const embed = options.embed ?? false;
      return writeTrlParquet(
        write,
        mapRows(sound(), (record) => toTrlRow(set, record, prompts, embed)),
      );
    }
    const lines = out.endsWith('.jsonl');
    let first = true;
    for await (const record of sound()) {
      const json = JSON.stringify(convertRow(set, form, record, prompts));
      write(lines ? `${json}\n` : `${first ? '[' : ','}\n${json}`);
      first = false;
    }
    if (!lines) write('\n]\n');
  });
  return { written, problems };
}

function convertRow(
  set: ReleasedSet,
  form: Exclude<ReleasedForm, 'trl'>,
  record: MetaRecord,
  prompts: PromptWriter,
): object {
  switch (form) {
    case 'records':
      return toTaskRecord(set, record);
    case 'ans-sft':
      return toConversation(record, prompts(set.task, record, 'bare'), record.answer);
    case 'cot-sft':
      return toConversation(record, prompts(set.task, record, 'think'), writeTarget(record.cot, record.answer));
    case 'rl':
      return releasedRows(set.task).rlRowsHoldAnswer ? { ...toRl(record), answer: record.answer } : toRl(record);
  }
}

async function* mapRows<From, To>(rows: AsyncIterable<From>, convert: (row: From) => Promise<To>): AsyncGenerator<To> {
  for await (const row of rows) yield await convert(row);
}

async function toTrlRow(set: ReleasedSet, record: MetaRecord, prompts: PromptWriter, embed: boolean): Promise<TrlRow> {
  return {
    id: record.id,
    prompt: [{ role: 'user', content: prompts(set.task, record, 'think') }],
    images: await Promise.all(
      imageNames(record).map(async (name) => {
        const file = path.resolve(imageFile(set.imageRoot, name));
        return embed ? { bytes: await readFile(file), path: name } : { bytes: null, path: file };
      }),
    ),
    solution: record.answer,
  };
}

/** A released row as a record of the kit. Its scene and its program are not known. */
function toTaskRecord({ task, set }: ReleasedSet, record: MetaRecord): TaskRecord {
  const rows = releasedRows(task);
  return {
    ...record,
    problem: rows.writeQuestion(record.problem),
    task,
    family: rows.family(record.answer),
    domain: set === 'train' ? 'id' : set,
    scene: null,
    program: null,
  };
}
