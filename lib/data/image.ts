/** Images in memory and as PNG files, as the tasks draw them and the image processor reads them. */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { writeFileAtomic } from '../engine/atomic-write.js';

/** An 8-bit colour image. */
export interface RgbImage {
  width: number;
  height: number;
  /** [height, width, 3], row by row, red green blue. */
  data: Uint8Array;
}

/** A file that decodes to more pixels than this is refused, as a small file can unpack to gigabytes. */
const MOST_PIXELS = 100_000_000;

/**
 * Reads an image file (PNG, JPEG, WebP, ...): turned upright by its EXIF orientation, transparency laid on white, grey and
 * CMYK made RGB.
 *
 * @throws Error naming the file when it is missing, no image, broken, or larger than 100 megapixels
 */
export async function readImage(file: string): Promise<RgbImage> {
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

/** The bytes of an image as PNG; `scale` repeats each pixel, to look at small images. */
export async function encodePng(image: RgbImage, scale = 1): Promise<Buffer> {
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const picture = sharp(image.data, { raw });
  if (scale !== 1) picture.resize(image.width * scale, image.height * scale, { kernel: 'nearest' });
  return picture.png().toBuffer();
}

/** Writes an image as a PNG file, whole or not at all. */
export async function writePng(file: string, image: RgbImage): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileAtomic(file, await encodePng(image));
}
