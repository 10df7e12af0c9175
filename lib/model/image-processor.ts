/**
 * The image processor of all families: it resizes an image to whole windows of patches, normalises it, and cuts it into
 * patches in merge-window order.
 *
 * Sizes, grids and values are those of transformers' Qwen2VLImageProcessor (5.23) with its default backend, torchvision, or with
 * Pillow if `image_processor_type` is Qwen2VLImageProcessorPil. `bicubic.ts` says how the two differ.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { checkShape, type RgbImage } from '../records/image.js';
import type { VisionConfig } from './architecture.js';
import { type Resampling, resizeBicubic } from './bicubic.js';
import type { ImageGrid, ProcessedImage } from './tensors.js';

/** The settings of `preprocessor_config.json`. */
export interface ImageProcessor {
  /** The bounds of the area that images are resized to. */
  minPixels: number;
  maxPixels: number;
  /** False if images are taken as they are (`do_resize`). Default: true. */
  resize?: boolean;
  /** The library whose arithmetic resizes them. Default: torchvision. */
  resampling?: Resampling;
  patchSize: number;
  temporalPatchSize: number;
  mergeSize: number;
  /** A byte becomes (byte x rescaleFactor - mean) / deviation; 1, 0 and 1 where the file turns a step off. */
  rescaleFactor: number;
  mean: number[];
  deviation: number[];
}

/**
 * The most patches of an image. The published processors allow 65,536 (their `max_pixels` over 14 x 14), which are half of the positions
 * that the published models were trained on.
 */
const MOST_PATCHES = 100_000;

const positive = z.number().positive();

/** The names of the one image processor in files, and the arithmetic that each resizes with. */
const CLASSES: { readonly [name: string]: Resampling } = {
  Qwen2VLImageProcessor: 'torchvision',
  Qwen2VLImageProcessorFast: 'torchvision',
  Qwen2VLImageProcessorPil: 'pillow',
  // Early files of Qwen2.5-VL have this name.
  Qwen2_5_VLImageProcessor: 'torchvision',
  Qwen2_5_VLImageProcessorFast: 'torchvision',
};

/** The bounds of the area by their names of today, or by those that some programs write. */
const areaSize = z
  .strictObject({
    shortest_edge: positive.nullish(),
    longest_edge: positive.nullish(),
    min_pixels: positive.nullish(),
    max_pixels: positive.nullish(),
  })
  .transform((size) => ({ least: size.shortest_edge ?? size.min_pixels, most: size.longest_edge ?? size.max_pixels }));

/** For missing fields, transformers' own values hold. */
const schema = z.object({
  image_processor_type: z
    .string()
    .refine((name) => Object.hasOwn(CLASSES, name), {
      error: ({ input }) => `'${input}' is not known; the kit reads ${Object.keys(CLASSES).join(', ')}`,
    })
    .default('Qwen2VLImageProcessor'),
  do_resize: z.boolean().default(true),
  do_rescale: z.boolean().default(true),
  do_normalize: z.boolean().default(true),
  min_pixels: positive.nullish(),
  max_pixels: positive.nullish(),
  size: areaSize.nullish(),
  resample: z.literal(3, { error: 'only 3, bicubic, is known' }).nullish(),
  patch_size: positive.int().default(14),
  temporal_patch_size: positive.int().default(2),
  merge_size: positive.int().default(2),
  image_mean: z.array(z.number()).length(3).default([0.48145466, 0.4578275, 0.40821073]),
  image_std: z.array(positive).length(3).default([0.26862954, 0.26130258, 0.27577711]),
  rescale_factor: positive.default(1 / 255),
});

/** The area that images are resized to, in pixels. A bound that is absent is the checkpoint's own. */
export interface PixelBounds {
  minPixels?: number;
  maxPixels?: number;
}

/**
 * Reads the image processor of a checkpoint folder: `image_processor` in `processor_config.json`, which transformers has written
 * since 5.0, or `preprocessor_config.json`; with the bounds of the area in the old layout (`min_pixels`) or the new (`size`). Where both
 * hold a bound, `min_pixels` and `max_pixels` win, as in transformers.
 *
 * @param bounds take the place of the file's
 * @throws Error naming the file and each field that is wrong, or the bound that cannot hold
 */
export function loadImageProcessor(folder: string, bounds: PixelBounds = {}): ImageProcessor {
  const { file, json } = readProcessorFile(folder);
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`${file}: ${problems.join('; ')}`);
  }
  const raw = parsed.data;
  const asked = Object.entries(bounds).filter(([, bound]) => bound !== undefined);
  for (const [name, bound] of asked) {
    if (!(bound > 0)) throw new Error(`${name} must be a number of pixels above 0, but is ${bound}`);
    if (!raw.do_resize)
      throw new Error(
        `${file} says do_resize: false, so that images are taken as they are; ${name} would change nothing`,
      );
  }
  const minPixels = bounds.minPixels ?? raw.min_pixels ?? raw.size?.least ?? 56 * 56;
  const maxPixels = bounds.maxPixels ?? raw.max_pixels ?? raw.size?.most ?? 28 * 28 * 1280;
  const valueText = (value: number, name: keyof PixelBounds) =>
    bounds[name] === undefined ? String(value) : `${value} (asked for)`;
  const least = valueText(minPixels, 'minPixels');
  if (minPixels > maxPixels)
    throw new Error(
      `${file}: the least number of pixels, ${least}, is more than the most, ${valueText(maxPixels, 'maxPixels')}`,
    );
  const fewest = minPixels / raw.patch_size ** 2;
  if (fewest > MOST_PATCHES)
    throw new Error(
      `${file}: the least number of pixels, ${least}, makes ${Math.round(fewest)} patches of every image; at most ${MOST_PATCHES} are possible`,
    );
  return {
    minPixels,
    maxPixels,
    resize: raw.do_resize,
    resampling: CLASSES[raw.image_processor_type]!,
    patchSize: raw.patch_size,
    temporalPatchSize: raw.temporal_patch_size,
    mergeSize: raw.merge_size,
    rescaleFactor: raw.do_rescale ? raw.rescale_factor : 1,
    mean: raw.do_normalize ? raw.image_mean : [0, 0, 0],
    deviation: raw.do_normalize ? raw.image_std : [1, 1, 1],
  };
}

/** The content of the file that describes a folder's image processor. */
function readProcessorFile(folder: string): { file: string; json: unknown } {
  const combined = path.join(folder, 'processor_config.json');
  const nested = existsSync(combined)
    ? (readJson(combined) as { image_processor?: unknown }).image_processor
    : undefined;
  if (nested !== undefined) return { file: combined, json: nested };
  const file = path.join(folder, 'preprocessor_config.json');
  return { file, json: readJson(file) };

  function readJson(name: string): unknown {
    try {
      return JSON.parse(readFileSync(name, 'utf8'));
    } catch (error) {
      throw new Error(`cannot read ${name}: ${(error as Error).message}; is '${folder}' a checkpoint folder?`);
    }
  }
}

/**
 * Compares the patches that the image processor cuts with those that the vision tower reads.
 *
 * @throws Error naming the folder's two files, the field and its two values
 */
export function checkPatches(processor: ImageProcessor, vision: VisionConfig, folder: string): void {
  for (const [field, own, inProcessor, inModel] of [
    ['patch_size', 'patch_size', processor.patchSize, vision.patchSize],
    ['temporal_patch_size', 'temporal_patch_size', processor.temporalPatchSize, vision.temporalPatchSize],
    ['merge_size', 'spatial_merge_size', processor.mergeSize, vision.mergeSize],
  ] as const) {
    if (inProcessor !== inModel)
      throw new Error(
        `${readProcessorFile(folder).file} has ${field} ${inProcessor}, but ${path.join(folder, 'config.json')} has vision_config.${own} ` +
          `${inModel}: the model would be shown other patches than it was trained on; one of the files belongs to another model`,
      );
  }
}

/** Rounds half to even, as Python's `round` does. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The size to which an image is resized: its sides are multiples of `factor`, its area lies within the bounds, and its aspect ratio is
 * as near to the old one as that allows (`smart_resize` of transformers' Qwen2VLImageProcessor).
 *
 * @throws Error when one side is more than 200 times the other
 */
export function smartResize(
  height: number,
  width: number,
  factor: number,
  minPixels: number,
  maxPixels: number,
): { height: number; width: number } {
  checkShape({ width, height });
  let h = roundHalfEven(height / factor) * factor;
  let w = roundHalfEven(width / factor) * factor;
  if (h * w > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels);
    h = Math.max(factor, Math.floor(height / beta / factor) * factor);
    w = Math.max(factor, Math.floor(width / beta / factor) * factor);
  } else if (h * w < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width));
    h = Math.ceil((height * beta) / factor) * factor;
    w = Math.ceil((width * beta) / factor) * factor;
  }
  return { height: h, width: w };
}

/**
 * The size to which the processor brings an image.
 *
 * @throws Error when that is more than `MOST_PATCHES` patches, or is not whole windows
 */
function targetSize(image: RgbImage, processor: ImageProcessor): { height: number; width: number } {
  const size = resizedSize(image, processor);
  const patches = (size.height / processor.patchSize) * (size.width / processor.patchSize);
  if (patches > MOST_PATCHES) {
    const megabytes = (patches * 3 * processor.temporalPatchSize * processor.patchSize ** 2 * 4) / 1e6;
    throw new Error(
      `an image of ${image.width} x ${image.height} would be cut into ${patches} patches of ${processor.patchSize} x ${processor.patchSize}, ` +
        `${megabytes.toFixed(0)} MB before the model has begun; at most ${MOST_PATCHES} are possible: make the image smaller, or lower ` +
        `max_pixels (${processor.maxPixels}) of the image processor`,
    );
  }
  return size;
}

function resizedSize({ height, width }: RgbImage, processor: ImageProcessor): { height: number; width: number } {
  const factor = processor.patchSize * processor.mergeSize;
  if (processor.resize !== false) return smartResize(height, width, factor, processor.minPixels, processor.maxPixels);
  if (height % factor !== 0 || width % factor !== 0)
    throw new Error(
      `an image of ${width} x ${height} cannot be cut into windows of ${factor} x ${factor}, and do_resize is false: resize it, or set do_resize`,
    );
  return { height, width };
}

/** Patches of an image along time, height and width, without cutting it. */
export function processedGrid(image: RgbImage, processor: ImageProcessor): ImageGrid {
  const { height, width } = targetSize(image, processor);
  return [1, height / processor.patchSize, width / processor.patchSize];
}

/** Resizes an image to the size that is cut into patches (bicubic); an image of that size stays the same object. */
export function resizeImage(image: RgbImage, processor: ImageProcessor): RgbImage {
  const { height, width } = targetSize(image, processor);
  if (height === image.height && width === image.width) return image;
  return resizeBicubic(image, height, width, processor.resampling);
}

/** Resizes an image if its size must change, normalises it, and cuts it into patches. */
export function processImage(image: RgbImage, processor: ImageProcessor): ProcessedImage {
  return patchify(resizeImage(image, processor), processor);
}

/**
 * Cuts an image whose sides are whole windows into patches `[channels, temporal, patch, patch]`: windows row by row, the patches of
 * a window together. A still image fills every frame of its temporal patch.
 */
export function patchify(image: RgbImage, processor: ImageProcessor): ProcessedImage {
  const { patchSize: p, temporalPatchSize: frames, mergeSize: merge } = processor;
  const rows = image.height / p;
  const columns = image.width / p;
  const area = p * p;
  const width = 3 * frames * area;
  const pixelValues = new Float32Array(rows * columns * width);
  // One table for each channel, from byte to normalised value, saves three multiplications a pixel.
  const tables = [0, 1, 2].map((c) =>
    Float32Array.from(
      { length: 256 },
      (_, v) => (v * processor.rescaleFactor - processor.mean[c]!) / processor.deviation[c]!,
    ),
  );
  let patch = 0;
  for (let windowRow = 0; windowRow < rows; windowRow += merge) {
    for (let windowColumn = 0; windowColumn < columns; windowColumn += merge) {
      for (let i = 0; i < merge; i++) {
        for (let j = 0; j < merge; j++, patch++) {
          for (let c = 0; c < 3; c++) {
            const table = tables[c]!;
            const offset = patch * width + c * frames * area;
            for (let y = 0; y < p; y++) {
              let source = (((windowRow + i) * p + y) * image.width + (windowColumn + j) * p) * 3 + c;
              for (let x = 0; x < p; x++, source += 3) pixelValues[offset + y * p + x] = table[image.data[source]!]!;
            }
            for (let f = 1; f < frames; f++) pixelValues.copyWithin(offset + f * area, offset, offset + area);
          }
        }
      }
    }
  }
  return { pixelValues, grid: [1, rows, columns] };
}

/** The image that patches were cut from: the inverse of `patchify`, to the byte. */
export function unpatchify({ pixelValues, grid }: ProcessedImage, processor: ImageProcessor): RgbImage {
  const { patchSize: p, temporalPatchSize: frames, mergeSize: merge } = processor;
  const [, rows, columns] = grid;
  const image = { width: columns * p, height: rows * p, data: new Uint8Array(rows * columns * p * p * 3) };
  const patchesOfBand = merge * columns;
  for (let patch = 0; patch < rows * columns; patch++) {
    // A band is a row of windows; within it windows follow each other, and the patches of a window row by row.
    const inBand = patch % patchesOfBand;
    const inWindow = inBand % (merge * merge);
    const row = Math.floor(patch / patchesOfBand) * merge + Math.floor(inWindow / merge);
    const column = Math.floor(inBand / (merge * merge)) * merge + (inWindow % merge);
    for (let c = 0; c < 3; c++) {
      const offset = (patch * 3 + c) * frames * p * p;
      for (let y = 0; y < p; y++) {
        for (let x = 0; x < p; x++) {
          const value = pixelValues[offset + y * p + x]! * processor.deviation[c]! + processor.mean[c]!;
          image.data[((row * p + y) * image.width + column * p + x) * 3 + c] = Math.round(
            value / processor.rescaleFactor,
          );
        }
      }
    }
  }
  return image;
}
