/** The fixtures of test/parity: tiny checkpoints of transformers, and what transformers, PyTorch, TRL and PEFT compute from them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { collate, disposeBatch } from '../../lib/model/batch.js';
import type { EncodedPrompt } from '../../lib/model/generate.js';
import { hiddenStates } from '../../lib/model/hidden-states.js';
import { logits } from '../../lib/model/log-probability.js';
import { encodePrompt, type Model } from '../../lib/model/model.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import type { ImageGrid } from '../../lib/model/tensors.js';
import { readImage } from '../../lib/records/image.js';

export const FAMILIES = ['qwen2-vl', 'qwen2.5-vl', 'qwen3-vl'] as const;
export type Family = (typeof FAMILIES)[number];

/** The prompts: without an image, with one, with two, with a tall one, with a wide one. */
export const CASES = ['none', 'one', 'two', 'tall', 'wide'] as const;
export type Case = (typeof CASES)[number];

/** See make_fixtures.py, which writes it. */
export interface Expected {
  cases: {
    [name in Case]: {
      question: string;
      images: string[];
      tokens: number[];
      grids: ImageGrid[];
      /** `[3][tokens]`. */
      positions: number[][];
    };
  };
  greedy: { [name in Case]: number[] };
  /** Answers by case. */
  sft: { rows: { [name: string]: string }; loss: number; trained: number };
}

const FIXTURES = path.join(__dirname, '../parity/fixtures');

export function fixtureFolder(family: Family): string {
  return path.join(FIXTURES, family);
}

/** An image by its name in a case. */
export function imageFile(name: string): string {
  return path.join(FIXTURES, 'images', `${name}.png`);
}

export function readExpected(family: Family): Expected {
  return JSON.parse(readFileSync(path.join(fixtureFolder(family), 'expected.json'), 'utf8')) as Expected;
}

/** The expected numbers by name: `logits.CASE` `[last tokens, vocab]`, `pixels.CASE` (every 11th), `gradient.PARAMETER`. */
export function readNumbers(family: Family): Map<string, Float32Array> {
  const file = path.join(fixtureFolder(family), 'expected.safetensors');
  return new Map([...readSafetensors(file)].map(({ name, data }) => [name, data]));
}

/** A case's prompt as the kit encodes it, from the question's text and the image files. */
export async function encodeCase(model: Model, { question, images }: Expected['cases'][Case]): Promise<EncodedPrompt> {
  const pictures = await Promise.all(images.map((name) => readImage(imageFile(name))));
  return encodePrompt(model, pictures, question);
}

/** Logits after the last `count` tokens of a prompt, `[count x vocab]`. */
export function lastLogits(
  { parameters, config }: Model,
  { tokens, images }: EncodedPrompt,
  count: number,
): Float32Array {
  const row = { prefix: { tokens }, images, segments: [] };
  const collated = collate([row], config, { length: tokens.length });
  const values = tf.tidy(() => {
    const hidden = hiddenStates(parameters, collated.batch, config);
    return logits(parameters, tf.slice(hidden, [tokens.length - count, 0], [count, -1])).dataSync() as Float32Array;
  });
  disposeBatch(collated);
  return values;
}

/** The largest |a - b|. */
export function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`);
  let gap = 0;
  for (let i = 0; i < a.length; i++) gap = Math.max(gap, Math.abs(a[i]! - b[i]!));
  return gap;
}
