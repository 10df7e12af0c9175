/** Writes rows for TRL's GRPO trainer as Parquet that `datasets` opens: the prompt as messages, the images as images. */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

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

/** A row for TRL. */
export interface TrlRow {
  id: string;
  prompt: { role: string; content: string }[];
  /** The bytes of each image and its name in the data; or null, and the path of its file on this machine. */
  images: { bytes: Uint8Array | null; path: string }[];
  solution: string;
}

/**
 * Writes columns `id`, `prompt` (a list of messages {role, content}; TRL puts the images before its text), `images` (a list
 * of {bytes, path}) and `solution`. Files of both kinds have been opened by datasets 5.2.0 and trained on by TRL 1.16.0.
 */
export async function writeTrlParquet(write: (bytes: Uint8Array) => void, rows: AsyncIterable<TrlRow>): Promise<void> {
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
  let group: TrlRow[] = [];
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
  for await (const row of rows) {
    group.push(row);
    for (const image of row.images) bytes += image.bytes?.length ?? 0;
    if (group.length === GROUP_ROWS || bytes >= GROUP_BYTES) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  await parquet.finish();
}
