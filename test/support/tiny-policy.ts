/** The tiny model as a policy that can be trained: completions read as their token numbers, such as "7 12 31". */
import { Generator } from '../../lib/model/generate.js';
import type { Model } from '../../lib/model/model.js';
import type { GrpoExample } from '../../lib/train/rollout.js';
import { TINY_CONFIG, tinyParameters, tinyPrompt } from './tiny-model.js';

/** The token that ends a completion. */
export const TINY_END = 31;

export function tinyPolicy(seed = 1): Model {
  // Trainers use weights, generator and the tokenizer's decode alone.
  return {
    folder: 'tiny',
    config: TINY_CONFIG,
    parameters: tinyParameters(seed),
    generator: new Generator(TINY_CONFIG, TINY_END),
    tokenizer: { decode: (tokens: readonly number[]) => tokens.join(' ') },
  } as unknown as Model;
}

/** Prompts "0", "1", ...; every third has no image. */
export function tinyExamples(count: number): GrpoExample[] {
  return Array.from({ length: count }, (_, p) => ({
    id: String(p),
    prompt: p % 3 === 2 ? { tokens: [20, 6 + (p % 20)], images: [] } : tinyPrompt(p, [6 + (p % 20)]),
    solution: String(p),
  }));
}
