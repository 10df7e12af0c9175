/** The pictures of a step's prompts as the model was shown them, in a Parquet table beside that of the completions, for people to look at. */
import { existsSync, readFileSync } from 'node:fs';
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { type ImageProcessor, unpatchify } from '../model/image-processor.js';
import type { ProcessedImage } from '../model/tensors.js';
import type { RgbImage } from '../records/image.js';

/** A prompt of a step, with what the model saw of its pictures. */
export interface ShownPrompt {
  /** The record's. */
  id: string;
  prompt: { images: readonly ProcessedImage[] };
}

/** A picture in a file's form, PNG or JPEG. */
export interface ShownPicture {
  /** The record's. */
  id: string;
  bytes: Uint8Array;
}

/** A picture whose longer side has more pixels is made smaller: a log is for looking, and must stay small beside the checkpoints. */
const LONGEST_SIDE = 256;

/** Writes the pictures of one step, whole or not at all. Each prompt's own stand together, in the order in which it names them. */
export async function writeShownPictures(
  file: string,
  prompts: readonly ShownPrompt[],
  processor: ImageProcessor,
): Promise<void> {
  const pictures = prompts.flatMap(({ id, prompt }) => prompt.images.map((image) => ({ id, image })));
  if (pictures.length === 0) return;
  const data = await Promise.all(pictures.map(({ image }) => encodeSmall(unpatchify(image, processor))));
  const columns = [
    { name: 'id', type: 'STRING' as const, nullable: false, data: pictures.map(({ id }) => id) },
    { name: 'picture', type: 'BYTE_ARRAY' as const, nullable: false, data },
  ];
  writeFileAtomic(file, new Uint8Array(parquetWriteBuffer({ columnData: columns })));
}

/** A small picture as PNG, to the pixel; a larger one as JPEG, made smaller. */
function encodeSmall({ width, height, data }: RgbImage): Promise<Uint8Array> {
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  if (Math.max(width, height) <= LONGEST_SIDE) return picture.png().toBuffer();
  return picture.resize(LONGEST_SIDE, LONGEST_SIDE, { fit: 'inside' }).jpeg({ quality: 85 }).toBuffer();
}

/** Reads the pictures of one step; none when there is no such file. */
export async function readShownPictures(file: string): Promise<ShownPicture[]> {
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  const content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await parquetReadObjects({ file: content, utf8: false });
  return rows.map(({ id, picture }) => ({ id: String(id), bytes: picture as Uint8Array }));
}
