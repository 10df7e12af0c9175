/** A checkpoint's `config.json`: read in the layouts that exist, checked, and turned into the numbers that the model is built from. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { DecoderConfig, VisionConfig } from './architecture.js';
import { type FAMILIES, familyOf } from './family.js';

/** The sizes and constants of one model, as plain data. */
export interface ModelConfig extends DecoderConfig {
  /** The published name of its family, for captions and messages. */
  title: string;
  imageTokenId: number;
  visionStartTokenId: number;
  visionEndTokenId: number;
  vision: VisionConfig;
}

const tokenId = z.number().int().positive();

/** For missing fields, transformers' own values hold, which are the published checkpoints'. */
const visionTokens = z
  .object({
    image_token_id: tokenId.default(151655),
    vision_start_token_id: tokenId.default(151652),
    vision_end_token_id: tokenId.default(151653),
  })
  .transform((fields) => ({
    imageTokenId: fields.image_token_id,
    visionStartTokenId: fields.vision_start_token_id,
    visionEndTokenId: fields.vision_end_token_id,
  }));

type Qwen2VL = typeof FAMILIES.qwen2_vl;

/** The fields of Qwen2-VL's `config.json` that the model reads, in the file's own names. */
export type Qwen2VLConfigFile = z.input<Qwen2VL['decoder']> &
  z.input<typeof visionTokens> & { model_type: 'qwen2_vl'; vision_config: z.input<Qwen2VL['vision']> };

type Json = { [field: string]: unknown };

/** Fields of a nested file that describe the whole model. `text_config` may hold a copy of them, or null. */
const WHOLE_MODEL = ['model_type', 'image_token_id', 'vision_start_token_id', 'vision_end_token_id'] as const;

/**
 * Brings a file into the layout of the published checkpoints, where the decoder's fields stand at the top. transformers has
 * written another since 4.52, with `text_config`, and since 5.0 with `rope_parameters` inside it. Where top and `text_config` both
 * hold a field, transformers takes `text_config`'s: 4.52 to 4.57 leave old copies at the top, such as the vocabulary's size before
 * it was enlarged.
 */
function flattenLayout(json: Json): Json {
  if (!('text_config' in json)) return json;
  const { text_config, ...top } = json as { text_config: Json | null };
  const { rope_parameters, ...text } = text_config ?? {};
  const { rope_theta, ...rope } = (rope_parameters ?? {}) as Json;
  const rotary = rope_parameters ? { rope_theta, rope_scaling: rope } : {};
  const whole = Object.fromEntries(WHOLE_MODEL.map((field) => [field, (top as Json)[field]]));
  const tied = (top as Json).tie_word_embeddings === true || text.tie_word_embeddings === true;
  return { ...top, ...text, ...rotary, ...whole, tie_word_embeddings: tied };
}

/**
 * Checks the content of a `config.json`, in any of its layouts. Fields that the model does not need are ignored, as they differ
 * between releases. A field that is missing has the value that transformers' class of the family gives it.
 *
 * @param json the parsed file
 * @param file its name, for the message
 * @throws Error naming the file and each field that is wrong; for an unknown `model_type`, the families that exist
 */
export function parseConfig(json: unknown, file = 'config.json'): ModelConfig {
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw new Error(`${file} must hold a JSON object`);
  const fields = flattenLayout(json as Json);
  const fail = (problem: string): never => {
    throw new Error(`${file}: ${problem}`);
  };
  const family = (() => {
    try {
      return familyOf(fields.model_type);
    } catch (error) {
      return fail((error as Error).message);
    }
  })();
  const tower = z
    .object({ vision_config: family.vision })
    .transform(({ vision_config }) => ({ vision: vision_config }));
  const parsed = z.intersection(z.intersection(family.decoder, visionTokens), tower).safeParse({
    ...fields,
    vision_config: fields.vision_config ?? {},
  });
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return fail(`not a sound configuration of ${family.title}: ${problems.join('; ')}`);
  }
  const config = { ...parsed.data, title: family.title };
  if (config.vision.outputSize !== config.hiddenSize)
    fail(
      `vision_config.${family.outputField}, the merger's output, must equal hidden_size, ${config.hiddenSize}, but is ${config.vision.outputSize}`,
    );
  if (config.vision.deepStack.length > config.layers)
    fail(
      `vision_config.deepstack_visual_indexes names ${config.vision.deepStack.length} blocks, each of which needs a layer of the decoder, but num_hidden_layers is ${config.layers}`,
    );
  return config;
}

/**
 * Reads `config.json` of a checkpoint folder.
 *
 * @throws Error naming the file when it cannot be read or is not JSON; else as `parseConfig`
 */
export function readConfig(folder: string): ModelConfig {
  const file = path.join(folder, 'config.json');
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}; is '${folder}' a checkpoint folder?`);
  }
  return parseConfig(json, file);
}
