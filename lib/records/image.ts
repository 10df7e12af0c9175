/** Images in memory and in files: tasks draw them, data sets hold them, the image processor reads them. */
import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
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

/** A picture of which one side is more times the other than this is not cut into patches (`smart_resize` of Qwen2-VL's processor). */
const MOST_ELONGATED = 200;

/** Checks the shape of a picture. @throws Error when it is too narrow to be cut into patches */
export function checkShape({ width, height }: Pick<RgbImage, 'width' | 'height'>): void {
  if (Math.max(width, height) > MOST_ELONGATED * Math.min(width, height))
    throw new Error(
      `an image of ${width} x ${height} is too narrow: one side may be at most ${MOST_ELONGATED} times the other`,
    );
}

/** The formats that are read. Others that the library knows (vector graphics, documents) are no pictures to train on. */
const FORMATS = new Set(['png', 'jpeg', 'webp', 'gif', 'tiff']);

/** A file that declares more pixels than this is refused before any is decoded, since a small file can unpack to gigabytes. */
const MOST_PIXELS = 100_000_000;

/**
 * The file of an image in a data set.
 *
 * @param name the image's name in the data set, relative to the folder
 * @throws Error when the name leads out of the folder (see `pathWithin`), or to no file
 */
export function imageFile(folder: string, name: string): string {
  const file = pathWithin(folder, name);
  if (file === undefined)
    throw new Error(
      `the image '${name}' lies outside ${folder}: name a file in that folder, relative to it; copy it there where it is a link`,
    );
  if (!existsSync(file)) throw new Error(`there is no file ${file}`);
  return file;
}

/**
 * The path of a file in a folder. The file need not exist; one that is there under the same name in the other Unicode form (composed or
 * decomposed: NFC, NFD) is found, since disks and programs differ in it. If the name leads out of the folder (an absolute path, `..`, a
 * symbolic link of a file), the path is undefined. Links that may lead out are those of folders, as to a data set on another disk, unless
 * to a folder that this one lies in; and those of a Hugging Face cache, from `snapshots/` to its own `blobs/`.
 */
export function pathWithin(folder: string, name: string): string | undefined {
  if (path.isAbsolute(name) || !isInside(path.resolve(folder), path.resolve(folder, name))) return undefined;
  const forms = [name, name.normalize('NFC'), name.normalize('NFD')].map((form) => path.resolve(folder, form));
  const file = forms.find((form) => existsSync(form));
  if (file === undefined) return forms[0];
  const [home, target] = [realpathSync(folder), realpathSync(file)];
  const cache = home.split(`${path.sep}snapshots${path.sep}`);
  const isBlob = cache.length === 2 && isInside(path.join(cache[0]!, 'blobs'), target);
  return isBlob || isInside(home, target) || liesInLinkedFolder(folder, file) ? file : undefined;
}

/** Whether a file lies below a link in the folder that leads to a folder elsewhere, and is no link itself that leads out of that. */
function liesInLinkedFolder(folder: string, file: string): boolean {
  const home = realpathSync(folder);
  const places: string[] = [];
  for (let place = path.dirname(file); isInside(path.resolve(folder), place); place = path.dirname(place))
    places.push(realpathSync(place));
  const leadsAround = places.some((place) => place === home || isInside(place, home));
  return !leadsAround && places.some((place) => isInside(place, realpathSync(file)));
}

function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && !path.isAbsolute(relative) && relative.split(path.sep)[0] !== '..';
}

/**
 * Reads the first frame of an image file (PNG, JPEG, WebP, GIF, TIFF) with the values that Pillow gives, to the bit:
 *
 * - The image is turned upright by its EXIF orientation (`ImageOps.exif_transpose`).
 * - Transparency is laid on white, as transformers' Qwen2-VL processor (5.23) and Qwen's own `qwen_vl_utils` do. Pillow's bare
 *   `convert('RGB')`, which older releases call, shows the colour that is stored under transparent pixels.
 * - Grey, palette and CMYK become RGB, colour profiles are ignored, and 16 bits a channel are cut to the upper 8. (Pillow cuts
 *   16-bit grey at 255, which makes most of such a picture white.)
 *
 * @throws Error naming the file and what to do when the file is missing, empty, no image, broken, cut short, or of more than 100
 *   megapixels
 */
export async function readImage(file: string): Promise<RgbImage> {
  const status = statSync(file, { throwIfNoEntry: false });
  if (!status) throw new Error(`${file}: there is no such image`);
  if (!status.isFile()) throw new Error(`${file}: not a file; name an image in it`);
  if (status.size === 0) throw new Error(`${file}: the file is empty; copy or download it again`);
  return decode(file, file);
}

/**
 * Decodes the bytes of an image as `readImage` decodes a file.
 *
 * @param name how messages name the image
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<RgbImage> {
  if (bytes.length === 0) throw new Error(`${name}: there are no bytes; write the picture again`);
  return decode(bytes, name);
}

async function decode(input: string | Uint8Array, name: string): Promise<RgbImage> {
  const open = () => sharp(input, { limitInputPixels: false, failOn: 'error', ignoreIcc: true });
  const metadata = await open().metadata().catch(refuse(name, input));
  const { format, width, height, space, hasAlpha } = metadata;
  if (!FORMATS.has(format)) {
    const isAvif = format === 'heif' && metadata.compression === 'av1';
    throw new Error(
      `${name}: not an image that can be read (it is ${isAvif ? 'AVIF' : format.toUpperCase()}); convert it to PNG or JPEG`,
    );
  }
  if (width * height > MOST_PIXELS)
    throw new Error(
      `${name}: ${width} x ${height} pixels are more than the ${MOST_PIXELS / 1e6} megapixels that are decoded; make it smaller`,
    );
  const upright = open().autoOrient();
  const colours =
    space === 'cmyk' ? upright.pipelineColourspace('cmyk').toColourspace('cmyk') : upright.toColourspace('srgb');
  const { data, info } = await colours
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(refuse(name, input));
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  const rgb = space === 'cmyk' ? cmykToRgb(pixels) : hasAlpha ? onWhite(pixels) : pixels;
  return { width: info.width, height: info.height, data: rgb };
}

/** The first bytes of formats that the library does not know, by their names. */
const SIGNATURES: readonly (readonly [format: string, signature: RegExp])[] = [
  ['BMP', /^BM/],
  ['HEIC', /^....ftyp(?:hei|mif|msf)/s],
  ['JPEG XL', /^(?:\xff\n|....JXL )/s],
  ['JPEG 2000', /^(?:\xffO\xffQ|....jP {2})/s],
  ['PPM', /^P[1-7]\s/],
  ['PSD', /^8BPS/],
  ['PDF', /^%PDF/],
];

/** The name of a format that the library does not know; undefined for any other content. */
function foreignFormat(input: string | Uint8Array): string | undefined {
  const begin = Buffer.alloc(16);
  if (typeof input === 'string') {
    const descriptor = openSync(input, 'r');
    readSync(descriptor, begin);
    closeSync(descriptor);
  } else begin.set(input.subarray(0, 16));
  const text = begin.toString('latin1');
  return SIGNATURES.find(([, signature]) => signature.test(text))?.[0];
}

/** Throws the reason why the library cannot read an image: the name of its format, or the library's own words. */
function refuse(name: string, input: string | Uint8Array): (error: Error) => never {
  return (error) => {
    const format = foreignFormat(input);
    const reason = error.message
      .trim()
      .split('\n')[0]!
      .replace(/^Input (?:file|buffer) (?:has corrupt header: )?/, '');
    const text = format
      ? `it is ${format}); convert it to PNG or JPEG`
      : `${reason}); open it in a viewer, or copy it again`;
    throw new Error(`${name}: not an image that can be read (${text}`, { cause: error });
  };
}

/** Lays RGBA on white in integers, as Pillow's `alpha_composite` does. */
function onWhite(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const sum = (rgba[from + c]! * alpha + 255 * (255 - alpha) + 128) << 7;
      rgb[to + c] = ((sum >> 8) + sum) >> 15;
    }
  }
  return rgb;
}

/** Converts as Pillow does, without colour profiles: each ink takes its share of the light that black leaves. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = cmyk[from + c]! * light + 128;
      rgb[to + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}

/** Encodes an image as PNG. `scale` repeats each pixel, so that small images can be looked at. */
export async function encodePng(image: RgbImage, scale = 1): Promise<Buffer> {
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const picture = sharp(image.data, { raw });
  if (scale !== 1) picture.resize(image.width * scale, image.height * scale, { kernel: 'nearest' });
  return picture.png().toBuffer();
}

/** Writes an image as a PNG file, whole or not at all. */
export async function writePng(file: string, image: RgbImage): Promise<void> {
  writeFileAtomic(file, await encodePng(image));
}
