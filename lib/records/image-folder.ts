/**
 * A folder in the image-folder form of the `datasets` library: pictures, and `metadata.jsonl`, `metadata.csv` or `metadata.parquet` with a
 * row for each question. `file_name` or `file_names` names the pictures, relative to the folder.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fromCSV } from 'arquero';
import { type JsonRow, streamJsonRows } from './json-rows.js';
import { streamParquetRows } from './parquet-rows.js';

const METADATA = ['metadata.jsonl', 'metadata.csv', 'metadata.parquet'];

/**
 * The metadata file of a folder.
 *
 * @throws Error naming what the folder lacks, or its parts that have metadata of their own
 */
export function metadataFile(folder: string): string {
  const files = METADATA.map((name) => path.join(folder, name)).filter((file) => existsSync(file));
  if (files.length === 1) return files[0]!;
  if (files.length > 1)
    throw new Error(`${folder} holds ${files.map((file) => path.basename(file)).join(' and ')}; keep one`);
  const parts = readdirSync(folder).filter((name) =>
    METADATA.some((file) => existsSync(path.join(folder, name, file))),
  );
  throw new Error(
    parts.length > 0
      ? `${folder} has parts with rows of their own; name one of them: ${parts.map((part) => path.join(folder, part)).join(', ')}`
      : `${folder} holds none of ${METADATA.join(', ')}, which has a row for each question`,
  );
}

/** Yields the rows of a metadata file with their pictures under `image`; a row without an id has its number as one. */
export async function* streamImageFolder(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<JsonRow> {
  for await (const { row, json, broken } of streamMetadata(file, onBytes)) {
    if (broken !== undefined || typeof json !== 'object' || json === null) {
      yield { row, json, broken };
      continue;
    }
    const { file_name, file_names, ...columns } = json as { [column: string]: unknown };
    const pictures = file_name ?? file_names;
    yield { row, json: { id: String(row), ...columns, ...(pictures === undefined ? {} : { image: pictures }) } };
  }
}

function streamMetadata(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<JsonRow> {
  if (file.endsWith('.csv')) return streamCsv(file, onBytes);
  return file.endsWith('.parquet') ? streamParquetRows(file, onBytes) : streamJsonRows(file, onBytes);
}

/** The rows of a CSV file. Every value is a text; an empty one is absent. */
async function* streamCsv(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<JsonRow> {
  const rows = fromCSV(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''), { autoType: false }).objects() as {
    [column: string]: unknown;
  }[];
  onBytes?.(statSync(file).size);
  for (const [i, columns] of rows.entries())
    yield {
      row: i + 1,
      json: Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== '' && value !== null)),
    };
}
