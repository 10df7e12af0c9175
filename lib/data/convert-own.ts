/** Converts rows of any data to the forms that trainers read, one row at a time. A file is written whole or not at all. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { streamFileAtomic } from '../engine/atomic-write.js';
import { type OpenRow, type RowSource, streamRows } from '../records/open-rows.js';
import { PackedPicture, type PictureFile } from '../records/picture.js';
import { problemList, problemTexts, type RowProblem } from '../records/row-problem.js';
import { type AskedPrompt, type PromptOptions, promptWriter, WHOLE_TEXTS } from '../tasks/asked-prompt.js';
import { writeTarget } from '../tasks/prompts.js';
import type { ShareGptRow } from './convert.js';
import { toConversation } from './convert.js';
import { type TrlRow, writeTrlParquet } from './trl-parquet.js';

/**
 * - `records`: the rows as the kit reads them
 * - `ans-sft`, `cot-sft`: ShareGPT conversations
 * - `rl`: rows of `problem` and `solution` with all further columns
 * - `trl`: Parquet for TRL's GRPO trainer
 */
export type OwnForm = 'records' | 'ans-sft' | 'cot-sft' | 'rl' | 'trl';

export interface OwnConversionOptions {
  /** How rows are put to a model; the forms `records` and `rl` hold no prompts. */
  asked?: PromptOptions;
  /** With `trl`: puts the bytes of the images into the file, which otherwise holds their paths. */
  embed?: boolean;
  /** Leaves bad rows out. Otherwise one of them stops the conversion. */
  skipBad?: boolean;
}

/**
 * Writes rows in a form: as JSON Lines if the name ends in `.jsonl`, as Parquet for `trl`, and otherwise as one JSON array. Image names
 * stay as they are.
 *
 * @returns the number of rows written, and the problems of the rows left out
 * @throws Error listing the bad rows, unless they are left out. Then no file is written, and an older one stays
 */
export async function convertOwn(
  source: RowSource,
  form: OwnForm,
  out: string,
  { asked = {}, embed = false, skipBad = false }: OwnConversionOptions = {},
): Promise<{ written: number; problems: RowProblem[] }> {
  const style = form === 'ans-sft' ? 'bare' : 'think';
  const writeRow = promptWriter({ style, ...asked });
  const writeConversation = promptWriter({ ...WHOLE_TEXTS, ...asked });
  const problems: RowProblem[] = [];
  let written = 0;
  async function* converted<Row>(
    convert: (row: OpenRow, asked: AskedPrompt) => Row | Promise<Row>,
  ): AsyncGenerator<Row> {
    for await (const row of streamRows(source, (problem) => problems.push(problem))) {
      try {
        const result = await convert(row, (row.isConversation ? writeConversation : writeRow)(row.record));
        written++;
        yield result;
      } catch (error) {
        problems.push({ file: source.file, row: row.row, field: 'whole row', reason: (error as Error).message });
      }
    }
    if (problems.length > 0 && !skipBad) {
      const listed = problemList(source.file, problemTexts(problems), problems.length);
      throw new Error(`${listed}\nTo go on without these rows: skipBad, or --skip-bad`);
    }
    if (written === 0) throw new Error(`${source.file} holds no sound row`);
  }
  await streamFileAtomic(out, async (write) => {
    if (form === 'trl')
      return writeTrlParquet(
        write,
        converted((row, prompt) => toTrlRow(row, prompt, embed)),
      );
    const lines = out.endsWith('.jsonl');
    let first = true;
    for await (const row of converted((open, prompt) => toJsonRow(form, open, prompt))) {
      const json = JSON.stringify(row);
      write(lines ? `${json}\n` : `${first ? '[' : ','}\n${json}`);
      first = false;
    }
    if (!lines) write('\n]\n');
  });
  return { written, problems };
}

function toJsonRow(form: Exclude<OwnForm, 'trl'>, { record, pictures }: OpenRow, prompt: AskedPrompt): object {
  if (pictures.some((picture) => picture instanceof PackedPicture))
    throw new Error(`its picture is in the file itself, which ${form} cannot hold; convert it to trl with --embed`);
  switch (form) {
    case 'records':
      return record;
    case 'ans-sft':
      return conversation(record, prompt, record.answer);
    case 'cot-sft':
      if (record.cot === undefined) throw new Error('it has no rationale (cot), which cot-sft is made of');
      return conversation(record, prompt, writeTarget(record.cot, record.answer));
    case 'rl': {
      const { answer, cot: _, ...columns } = record;
      return { ...columns, solution: answer };
    }
  }
}

function conversation(record: OpenRow['record'], { prompt, system }: AskedPrompt, target: string): ShareGptRow {
  const row = toConversation(record, prompt, target);
  if (system !== undefined) row.messages.unshift({ role: 'system', content: system });
  return row;
}

async function toTrlRow(
  { record, pictures }: OpenRow,
  { prompt, system }: AskedPrompt,
  embed: boolean,
): Promise<TrlRow> {
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  return {
    id: record.id,
    prompt: [...before, { role: 'user', content: prompt }],
    images: await Promise.all(pictures.map((picture, i) => toTrlImage(picture, [record.image].flat()[i]!, embed))),
    solution: record.answer,
  };
}

async function toTrlImage(picture: PictureFile, name: string, embed: boolean): Promise<TrlRow['images'][number]> {
  if (picture instanceof PackedPicture) {
    if (!embed) throw new Error('its picture is in the file itself and has no path; write its bytes with --embed');
    return { bytes: await picture.readBytes(), path: `${picture.key.replaceAll(' ', '-')}.image` };
  }
  return embed ? { bytes: await readFile(picture), path: name } : { bytes: null, path: path.resolve(picture) };
}
