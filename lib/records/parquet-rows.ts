/**
 * Reads the rows of a Parquet file, a group of them at a time. A picture may be a path, or bytes as the `datasets` library writes them
 * (`{bytes, path}`); bytes stay in the file until they are needed.
 */
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import { fileDigest } from '../engine/file-digest.js';
import type { JsonRow } from './json-rows.js';
import { PackedPicture } from './picture.js';

/** The columns that hold pictures. */
const PICTURE_COLUMNS = ['image', 'images'];

/** A Parquet file that is open. */
interface OpenFile {
  name: string;
  buffer: AsyncBuffer;
  metadata: FileMetaData;
  digest: string;
}

/**
 * Yields the rows; a picture in bytes is a `PackedPicture` in the place where its path would be.
 *
 * @throws Error naming the file when it is no Parquet, or packed in a way that cannot be unpacked
 */
export async function* streamParquetRows(name: string, onBytes?: (bytes: number) => void): AsyncGenerator<JsonRow> {
  const file = await openFile(name);
  let first = 0;
  for (const group of file.metadata.row_groups) {
    const count = Number(group.num_rows);
    const rows = await readRange(file, first, first + count);
    for (const [i, row] of rows.entries()) {
      const json: { [column: string]: unknown } = {};
      for (const [column, value] of Object.entries(row)) {
        if (value === null || value === undefined) continue;
        json[column] = PICTURE_COLUMNS.includes(column) ? packPictures(file, first + i, column, value) : plain(value);
      }
      yield { row: first + i + 1, json };
    }
    first += count;
    onBytes?.(Math.round((file.buffer.byteLength * first) / Number(file.metadata.num_rows)));
  }
}

async function openFile(name: string): Promise<OpenFile> {
  try {
    const buffer = await asyncBufferFromFile(name);
    return { name, buffer, metadata: await parquetMetadataAsync(buffer), digest: fileDigest(name) };
  } catch (error) {
    throw new Error(`cannot read ${name} as Parquet: ${(error as Error).message}`, { cause: error });
  }
}

/** The rows [from, to) with some columns or all. Texts without their type, such as the bytes of pictures, stay bytes. */
async function readRange(
  { name, buffer: file, metadata }: OpenFile,
  rowStart: number,
  rowEnd: number,
  columns?: string[],
): Promise<{ [column: string]: unknown }[]> {
  try {
    return await parquetReadObjects({ file, metadata, rowStart, rowEnd, columns, utf8: false, useOffsetIndex: true });
  } catch (error) {
    throw new Error(
      `cannot read the rows ${rowStart + 1} to ${rowEnd} of ${name}: ${(error as Error).message}; write the file anew, without compression or with snappy`,
      { cause: error },
    );
  }
}

/** The paths of the pictures of a cell, and a `PackedPicture` for each that is there in bytes. */
function packPictures(file: OpenFile, index: number, column: string, cell: unknown): unknown {
  const pack = (value: unknown, place: number): unknown => {
    if (bytesOf(value) === undefined) return pathOf(value) ?? value;
    const name = `${file.name}, row ${index + 1}, ${column} ${place + 1}`;
    return new PackedPicture(name, `${file.digest} ${index} ${column} ${place}`, async () => {
      const [row] = await readRange(file, index, index + 1, [column]);
      return bytesOf([row![column]].flat()[place])!;
    });
  };
  return Array.isArray(cell) ? cell.map(pack) : pack(cell, 0);
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const bytes = (value as { bytes?: unknown } | null)?.bytes;
  return bytes instanceof Uint8Array ? bytes : undefined;
}

function pathOf(value: unknown): string | undefined {
  const path = (value as { path?: unknown } | null)?.path;
  return typeof path === 'string' ? path : undefined;
}

/** A value as JSON has it: whole numbers of 64 bits become numbers, or texts if they are too large; dates become texts. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
}
