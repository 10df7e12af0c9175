/** A picture as rows hold it: its pixels, its file, or its place in a file that holds several. The latter two are read when needed. */
import { decodeImage, type RgbImage, readImage } from './image.js';

/** A picture whose bytes stand in another file, such as in a column of a Parquet file. */
export class PackedPicture {
  /**
   * @param name how messages name it, such as `rows.parquet, row 7, picture 1`
   * @param key equal for equal contents; the identity of a run holds it
   * @param readBytes reads the bytes of the encoded image
   */
  constructor(
    readonly name: string,
    readonly key: string,
    readonly readBytes: () => Promise<Uint8Array>,
  ) {}
}

/** A picture that is read when it is needed. */
export type PictureFile = string | PackedPicture;

/** A picture, read or not. */
export type Picture = RgbImage | PictureFile;

/** Whether a picture still has to be read. */
export function isUnread(picture: Picture): picture is PictureFile {
  return typeof picture === 'string' || picture instanceof PackedPicture;
}

/**
 * The pixels of a picture.
 *
 * @throws Error naming the file and what to do when it cannot be read
 */
export async function readPicture(picture: Picture): Promise<RgbImage> {
  if (typeof picture === 'string') return readImage(picture);
  return picture instanceof PackedPicture ? decodeImage(await picture.readBytes(), picture.name) : picture;
}
