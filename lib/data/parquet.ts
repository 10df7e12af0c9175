/** Writes RL rows as Parquet, the form that most trainers of the field load. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { imageNames } from '../records/records.js';
import type { RlRow } from './convert.js';

/** Writes columns `id`, `images` (a list of file names), `problem` and `solution`, one row each. */
export function writeRlParquet(file: string, rows: readonly RlRow[]): void {
  const string = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' } as const;
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: rows.map((row) => row.id) },
      { name: 'images', data: rows.map(imageNames) },
      { name: 'problem', data: rows.map((row) => row.problem) },
      { name: 'solution', data: rows.map((row) => row.solution) },
    ],
    schema: [
      { name: 'root', num_children: 4 },
      { name: 'id', ...string },
      { name: 'images', converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', ...string },
      { name: 'problem', ...string },
      { name: 'solution', ...string },
    ],
  });
  writeFileAtomic(file, new Uint8Array(buffer));
}
