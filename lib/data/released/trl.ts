/** Writes rows for TRL's GRPO trainer as Parquet that `datasets` opens: the prompt as messages, the images as images. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { MetaRecord } from '../../records/record.js';
import { imageNames } from '../../records/records.js';
import type { ReleasedSet } from './dataset.js';
import type { PromptWriter } from './prompts.js';

const string = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const;
const list = { converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 } as const;
const repeated = { name: 'list', repetition_type: 'REPEATED', num_children: 1 } as const;
const struct = { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 } as const;

const SCHEMA = [
  { name: 'root', num_children: 4 },
  { name: 'id', ...string },
  { name: 'prompt', ...list },
  repeated,
  struct,
  { name: 'role', ...string },
  { name: 'content', ...string },
  { name: 'images', ...list },
  repeated,
  struct,
  { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' } as const,
  { name: 'path', ...string },
  { name: 'solution', ...string },
];

/** The features by which `datasets` reads the structs of `images` as images. */
const text = { dtype: 'string', _type: 'Value' };
const FEATURES = {
  id: text,
  prompt: [{ role: text, content: text }],
  images: [{ _type: 'Image' }],
  solution: text,
};

/** The rows, or the bytes of images, with which a row group is written. */
const [GROUP_ROWS, GROUP_BYTES] = [250, 16_000_000];

/**
 * Writes columns `id`, `prompt` (a list of one message {role, content}; TRL puts the images before its text), `images` (a list
 * of {bytes, path}) and `solution`. Files of both kinds have been opened by datasets 5.2.0 and trained on by TRL 1.16.0.
 *
 * @param embed writes the bytes of the images; otherwise `bytes` is null, and `path` is the image's path on this machine
 */
export async function writeTrlParquet(
  write: (bytes: Uint8Array) => void,
  records: AsyncIterable<MetaRecord>,
  set: ReleasedSet,
  prompts: PromptWriter,
  embed: boolean,
): Promise<void> {
  const buffer = new ByteWriter();
  const writer = Object.assign(buffer, {
    flush() {
      write(buffer.getBytes());
      buffer.index = 0;
    },
    finish() {
      write(buffer.getBytes());
    },
  });
  const parquet = new ParquetWriter({
    writer,
    schema: SCHEMA,
    kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features: FEATURES } }) }],
  });
  let group: Row[] = [];
  let bytes = 0;
  const writeGroup = async () => {
    await parquet.write({
      columnData: (['id', 'prompt', 'images', 'solution'] as const).map((name) => ({
        name,
        data: group.map((row) => row[name]),
        ...(name === 'images' ? { statistics: false } : {}),
      })),
      rowGroupSize: group.length,
    });
    group = [];
    bytes = 0;
  };
  for await (const record of records) {
    const row = await toRow(record, set, prompts, embed);
    group.push(row);
    for (const image of row.images) bytes += image.bytes?.length ?? 0;
    if (group.length === GROUP_ROWS || bytes >= GROUP_BYTES) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  await parquet.finish();
}

interface Row {
  id: string;
  prompt: { role: string; content: string }[];
  images: { bytes: Uint8Array | null; path: string }[];
  solution: string;
}

async function toRow(record: MetaRecord, set: ReleasedSet, prompts: PromptWriter, embed: boolean): Promise<Row> {
  return {
    id: record.id,
    prompt: [{ role: 'user', content: prompts(set.task, record, 'think') }],
    images: await Promise.all(
      imageNames(record).map(async (name) => {
        const file = path.resolve(set.imageRoot, name);
        return embed ? { bytes: await readFile(file), path: name } : { bytes: null, path: file };
      }),
    ),
    solution: record.answer,
  };
}
