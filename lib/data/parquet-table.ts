/** Writes rows as Parquet that the `datasets` library opens: texts, messages and pictures, a group of rows at a time. */
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

/** What a column holds: a text, a whole number, a list of messages {role, content}, a list of pictures {bytes, path}, or a struct. */
export type ColumnKind = 'text' | 'whole' | 'messages' | 'pictures' | { readonly [field: string]: 'text' | 'whole' };

/** A picture of a cell: its bytes and its name; or null, and the path of its file on this machine. */
export interface TablePicture {
  bytes: Uint8Array | null;
  path: string;
}

/** One message of a cell. */
export interface TableMessage {
  role: string;
  content: string;
}

/** A value of a column of a kind. */
type Cell<Kind extends ColumnKind> = Kind extends 'text'
  ? string
  : Kind extends 'whole'
    ? number
    : Kind extends 'messages'
      ? readonly TableMessage[]
      : Kind extends 'pictures'
        ? readonly TablePicture[]
        : { readonly [field in keyof Kind]: Kind[field] extends 'text' ? string : number };

/** A row of a table. */
export type TableRow<Columns extends { readonly [column: string]: ColumnKind }> = {
  readonly [column in keyof Columns]: Cell<Columns[column]>;
};

const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const;
const whole = { type: 'INT32', repetition_type: 'OPTIONAL' } as const;
const list = { converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 } as const;
const repeated = { name: 'list', repetition_type: 'REPEATED', num_children: 1 } as const;
const struct = { repetition_type: 'OPTIONAL', num_children: 2 } as const;

/** The parts of Parquet's schema that make a column. */
function schemaOf(name: string, kind: ColumnKind): SchemaElement[] {
  if (kind === 'text') return [{ name, ...text }];
  if (kind === 'whole') return [{ name, ...whole }];
  const element = { name: 'element', ...struct };
  if (kind === 'messages')
    return [{ name, ...list }, repeated, element, { name: 'role', ...text }, { name: 'content', ...text }];
  const bytes = { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' } as const;
  if (kind === 'pictures') return [{ name, ...list }, repeated, element, bytes, { name: 'path', ...text }];
  const fields = Object.entries(kind);
  return [
    { name, ...struct, num_children: fields.length },
    ...fields.map(([field, held]) => ({ name: field, ...(held === 'text' ? text : whole) })),
  ];
}

/** The feature by which `datasets` reads a column; without it the structs of pictures would not be read as images. */
function featureOf(kind: ColumnKind): unknown {
  const value = (dtype: string) => ({ dtype, _type: 'Value' });
  if (kind === 'text') return value('string');
  if (kind === 'whole') return value('int32');
  if (kind === 'messages') return [{ role: value('string'), content: value('string') }];
  if (kind === 'pictures') return [{ _type: 'Image' }];
  return Object.fromEntries(Object.entries(kind).map(([field, held]) => [field, featureOf(held)]));
}

/** The rows, or the bytes of pictures, with which a row group is written. */
const [GROUP_ROWS, GROUP_BYTES] = [250, 16_000_000];

/**
 * Writes a table.
 *
 * @param write takes the pieces of the file in order
 * @param columns the kind of each column
 */
export async function writeParquetTable<Columns extends { readonly [column: string]: ColumnKind }>(
  write: (bytes: Uint8Array) => void,
  columns: Columns,
  rows: AsyncIterable<TableRow<Columns>>,
): Promise<void> {
  const kinds = Object.entries<ColumnKind>(columns);
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
  const features = Object.fromEntries(kinds.map(([name, kind]) => [name, featureOf(kind)]));
  const parquet = new ParquetWriter({
    writer,
    schema: [{ name: 'root', num_children: kinds.length }, ...kinds.flatMap(([name, kind]) => schemaOf(name, kind))],
    kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }],
  });
  let group: TableRow<Columns>[] = [];
  let bytes = 0;
  const writeGroup = async () => {
    await parquet.write({
      columnData: kinds.map(([name, kind]) => ({
        name,
        data: group.map((row) => row[name]),
        ...(kind === 'pictures' ? { statistics: false } : {}),
      })),
      rowGroupSize: group.length,
    });
    group = [];
    bytes = 0;
  };
  for await (const row of rows) {
    group.push(row);
    for (const [name, kind] of kinds)
      if (kind === 'pictures')
        for (const picture of row[name] as readonly TablePicture[]) bytes += picture.bytes?.length ?? 0;
    if (group.length === GROUP_ROWS || bytes >= GROUP_BYTES) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  await parquet.finish();
}
