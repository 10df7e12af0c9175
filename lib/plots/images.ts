/** Images of tasks for people to look at: enlarged without blur, as PNGs, one by one or on one sheet. */

import sharp from 'sharp';
import type { RgbImage } from '../records/image.js';
import type { DisplayBundle } from './notebook.js';
import { escapeHtml } from './tables.js';

/** The longest side of a shown picture, in pixels. More is not seen in a table, and noise of that size takes 0.4 MB of output. */
const LONGEST_SIDE = 384;

/** How large a picture is shown: enlarged by whole pixels, at most `zoom` times, or made smaller, so that it fits. */
function shownSize({ width, height }: RgbImage, zoom: number): { width: number; height: number; enlarged: boolean } {
  const most = LONGEST_SIDE / Math.max(width, height);
  const factor = most >= 1 ? Math.min(zoom, Math.floor(most)) : most;
  const scale = (side: number) => Math.max(1, Math.round(side * factor));
  return { width: scale(width), height: scale(height), enlarged: factor >= 1 };
}

/**
 * The image as a PNG for people to look at: every pixel enlarged to `zoom` x `zoom` (nearest neighbour), or less where the picture would
 * be longer than 384 pixels. One that is longer than that is made smaller.
 */
export async function imagePng(image: RgbImage, zoom = 1): Promise<Buffer> {
  const { width, height, data } = image;
  if (data.length !== width * height * 3) {
    throw new Error(`image: ${width} x ${height} pixels take ${width * height * 3} bytes, got ${data.length}`);
  }
  const shown = shownSize(image, zoom);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize(shown.width, shown.height, { kernel: shown.enlarged ? 'nearest' : 'lanczos3' })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** The image as a `data:` address, for an HTML table. */
export async function imageDataUri(image: RgbImage, zoom = 1): Promise<string> {
  return `data:image/png;base64,${(await imagePng(image, zoom)).toString('base64')}`;
}

export interface ContactSheetOptions {
  columns?: number;
  /** Sheet pixels per image pixel, a whole number; default: 3. */
  zoom?: number;
  /** A short line under each image, one for each. */
  captions?: readonly string[];
}

/** Several images as one PNG, by rows from the upper left. */
export async function contactSheet(images: readonly RgbImage[], options: ContactSheetOptions = {}): Promise<Buffer> {
  if (images.length === 0) throw new Error('contact sheet: there is no image');
  const { columns = 6, zoom = 3, captions } = options;
  if (captions !== undefined && captions.length !== images.length)
    throw new Error(`contact sheet: ${images.length} images need as many captions, got ${captions.length}`);
  const gap = 8;
  const captionHeight = captions === undefined ? 0 : 18;
  const sheetColumns = Math.min(columns, images.length);
  const sheetRows = Math.ceil(images.length / sheetColumns);
  const shown = images.map((image) => shownSize(image, zoom));
  const cellWidth = Math.max(...shown.map(({ width }) => width)) + gap;
  const cellHeight = Math.max(...shown.map(({ height }) => height)) + gap + captionHeight;
  const size = { width: sheetColumns * cellWidth + gap, height: sheetRows * cellHeight + gap };
  const places = images.map((_, i) => ({
    left: gap + (i % sheetColumns) * cellWidth,
    top: gap + Math.floor(i / sheetColumns) * cellHeight,
  }));
  const layers: { input: Buffer; left: number; top: number }[] = await Promise.all(
    images.map(async (image, i) => ({ input: await imagePng(image, zoom), ...places[i]! })),
  );
  if (captions !== undefined) {
    const texts = places.map(({ left, top }, i) => {
      const y = top + cellHeight - gap - 4;
      return `<text x="${left}" y="${y}">${escapeHtml(captions[i]!)}</text>`;
    });
    const style = 'font-family="Open Sans, DejaVu Sans, sans-serif" font-size="13" fill="#1A1A1A"';
    layers.push({
      input: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" ${style}>${texts.join('')}</svg>`,
      ),
      left: 0,
      top: 0,
    });
  }
  return sharp({ create: { ...size, channels: 3, background: '#FFFFFF' } })
    .composite(layers)
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** Several images as one output of a notebook, a PNG that also shows on a code host. */
export async function imageGrid(
  images: readonly RgbImage[],
  options: ContactSheetOptions = {},
): Promise<DisplayBundle> {
  const sheet = await contactSheet(images, options);
  const names = options.captions?.join(', ');
  return {
    'image/png': sheet.toString('base64'),
    'text/plain': `${images.length} images${names === undefined ? '' : `: ${names}`}`,
  };
}
