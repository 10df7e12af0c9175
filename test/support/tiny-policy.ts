/** The tiny model as a policy that can be trained: completions read as their token numbers, such as "7 12 31". */
import { Generator } from '../../lib/model/generate.js';
import type { ImageProcessor } from '../../lib/model/image-processor.js';
import type { Model } from '../../lib/model/model.js';
import type { GrpoExample } from '../../lib/train/rollout.js';
import { dataRow } from './data-row.js';
import { TINY_CONFIG, tinyParameters, tinyPrompt } from './tiny-model.js';

/** The token that ends a completion. */
export const TINY_END = 31;

/** Patches of the tiny model's images, which are drawn as numbers and never cut from a picture. */
export const TINY_PROCESSOR: ImageProcessor = {
  ...{ patchSize: 2, temporalPatchSize: 2, mergeSize: 2, minPixels: 16, maxPixels: 4096 },
  ...{ rescaleFactor: 1 / 255, mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
};

export function tinyPolicy(seed = 1): Model {
  // Trainers use weights, generator and the tokenizer's decode, and the image processor to log what the model is shown.
  return {
    folder: 'tiny',
    config: TINY_CONFIG,
    parameters: tinyParameters(seed),
    generator: new Generator(TINY_CONFIG, [TINY_END]),
    imageProcessor: TINY_PROCESSOR,
    tokenizer: { decode: (tokens: readonly number[]) => tokens.join(' ') },
    template: { opening: '' },
  } as unknown as Model;
}

/** Prompts "0", "1", ... with one image, two, none, one, ... */
export function tinyExamples(count: number): GrpoExample[] {
  return Array.from({ length: count }, (_, p) => ({
    id: String(p),
    prompt: promptOf(p),
    row: dataRow(String(p), String(p)),
  }));
}

function promptOf(p: number): GrpoExample['prompt'] {
  const text = 6 + (p % 20);
  if (p % 3 === 2) return { tokens: [20, text], images: [] };
  const one = tinyPrompt(p, [text]);
  if (p % 3 === 0) return one;
  const other = tinyPrompt(p + 100, [text]);
  return { tokens: [...one.tokens, ...other.tokens], images: [...one.images, ...other.images] };
}
