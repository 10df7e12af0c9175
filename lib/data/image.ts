/** Images in memory and as PNG files, as the tasks draw them and the image processor reads them. */
import { mkdirSync } from 'node:fs';
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

/** Images of more pixels than this are refused before they are decoded: a decompression bomb, not a picture. */
const MOST_PIXELS = 50_000_000;

/**
 * Reads a PNG, JPEG or WebP file: turned upright as its EXIF data says, transparency on white, grey and CMYK as RGB.
 *
 * @throws Error naming the file that is missing, broken or too large
 */
export async function readImage(file: string): Promise<RgbImage> {
  try {
    const { data, info } = await sharp(file, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
      .rotate()
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels === 3) return { width: info.width, height: info.height, data: new Uint8Array(data) };
    const rgb = new Uint8Array(info.width * info.height * 3);
    for (let i = 0; i < info.width * info.height; i++) rgb.fill(data[i * info.channels] as number, 3 * i, 3 * i + 3);
    return { width: info.width, height: info.height, data: rgb };
  } catch (error) {
    throw new Error(`cannot read the image ${file}: ${(error as Error).message}`);
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
