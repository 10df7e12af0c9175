/** Writes rows for TRL's GRPO trainer as Parquet that `datasets` opens: the prompt as messages, the images as images. */
import { type TableMessage, type TablePicture, writeParquetTable } from './parquet-table.js';

/** A row for TRL. */
export interface TrlRow {
  id: string;
  prompt: TableMessage[];
  images: TablePicture[];
  solution: string;
}

const COLUMNS = { id: 'text', prompt: 'messages', images: 'pictures', solution: 'text' } as const;

/**
 * Writes columns `id`, `prompt` (a list of messages {role, content}; TRL puts the images before its text), `images` (a list
 * of {bytes, path}) and `solution`. Files of both kinds have been opened by datasets 5.2.0 and trained on by TRL 1.16.0.
 */
export async function writeTrlParquet(write: (bytes: Uint8Array) => void, rows: AsyncIterable<TrlRow>): Promise<void> {
  const listed = async function* () {
    for await (const { id, prompt, images, solution } of rows) yield { id, prompt, images, solution };
  };
  await writeParquetTable(write, COLUMNS, listed());
}
