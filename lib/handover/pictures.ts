/** The pictures of rows as encoded bytes, for files that stand alone. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TablePicture } from '../data/parquet-table.js';
import { decodeImage, encodePng } from '../records/image.js';
import { isUnread, PackedPicture, type Picture } from '../records/picture.js';
import type { PreparedRow } from '../study/cells/prepared-rows.js';

/** The endings of file names by the bytes that the formats begin with. */
const SIGNATURES: readonly [ending: string, test: (bytes: Uint8Array) => boolean][] = [
  ['png', (bytes) => bytes[0] === 0x89 && bytes[1] === 0x50],
  ['jpg', (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8],
  ['gif', (bytes) => bytes[0] === 0x47 && bytes[1] === 0x49],
  ['webp', (bytes) => bytes[0] === 0x52 && bytes[8] === 0x57],
];

/** A picture with the name that it has in the folder: its own, or one made of the row's number. */
export interface NamedPicture {
  name: string;
  bytes: Uint8Array;
}

/**
 * Reads the pictures of a row.
 *
 * @param index the number of the row, from 0, for the names of pictures that have none
 * @param checks whether each picture is decoded, so that a bad one is found
 * @throws Error naming the row, and the picture that is missing or cannot be decoded
 */
export async function readPictures(
  { id, pictures, row }: PreparedRow,
  index: number,
  checks = true,
): Promise<NamedPicture[]> {
  const names = [row.image].flat();
  return Promise.all(
    pictures.map(async (picture, i) => {
      try {
        const bytes = await bytesOf(picture);
        if (checks && isUnread(picture)) await decodeImage(bytes, typeof picture === 'string' ? picture : picture.name);
        return {
          bytes,
          name: (typeof picture === 'string' && names[i]) || `row-${index + 1}-${i + 1}.${endingOf(bytes)}`,
        };
      } catch (error) {
        throw new Error(`row '${id}', picture ${i + 1}: ${(error as Error).message}`, { cause: error });
      }
    }),
  );
}

/** The pictures of a row as cells of a table. Each is decoded, so that a bad one is named before anything is trained. */
export async function tablePictures(row: PreparedRow, index: number): Promise<TablePicture[]> {
  return (await readPictures(row, index)).map(({ name, bytes }) => ({ bytes, path: path.posix.basename(name) }));
}

async function bytesOf(picture: Picture): Promise<Uint8Array> {
  if (typeof picture === 'string') return readFile(picture);
  return picture instanceof PackedPicture ? picture.readBytes() : encodePng(picture);
}

function endingOf(bytes: Uint8Array): string {
  return SIGNATURES.find(([, test]) => test(bytes))?.[0] ?? 'image';
}
