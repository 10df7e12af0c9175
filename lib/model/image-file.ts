/** Image files (PNG, JPEG, WebP, ...) as the image processor wants them: upright, opaque, three channels of eight bits. */
import { existsSync } from 'node:fs';
import sharp from 'sharp';
import type { RgbImage } from '../data/image.js';

/** A file that decodes to more pixels than this is refused, as a small file can unpack to gigabytes. */
const MOST_PIXELS = 100_000_000;

/**
 * Reads an image file: turned upright by its EXIF orientation, transparency laid on white, grey made RGB.
 *
 * @throws Error naming the file when it is missing, no image, broken, or larger than 100 megapixels
 */
export async function readImageFile(file: string): Promise<RgbImage> {
  if (!existsSync(file)) throw new Error(`${file}: there is no such image`);
  try {
    const { data, info } = await sharp(file, { limitInputPixels: MOST_PIXELS, failOn: 'truncated' })
      .rotate()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (error) {
    throw new Error(`${file}: not an image that can be read (${(error as Error).message})`, { cause: error });
  }
}
