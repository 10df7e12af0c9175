/** Qwen2-VL's `config.json`: read, checked, and turned into the numbers that the model is built from. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** The sizes and constants of one Qwen2-VL model. */
export interface Qwen2VLConfig {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  /** Width of one attention head. */
  headSize: number;
  vocabSize: number;
  rmsNormEps: number;
  ropeTheta: number;
  /** How many rotary frequencies follow the temporal, height and width position; they sum to headSize / 2. */
  mropeSection: [number, number, number];
  tieWordEmbeddings: boolean;
  imageTokenId: number;
  visionStartTokenId: number;
  visionEndTokenId: number;
  vision: VisionConfig;
}

export interface VisionConfig {
  layers: number;
  embedSize: number;
  heads: number;
  mlpSize: number;
  channels: number;
  patchSize: number;
  temporalPatchSize: number;
  /** Patches a side that the merger joins into one visual token. */
  mergeSize: number;
}

const positive = z.number().int().positive();

const schema = z.object({
  model_type: z.literal('qwen2_vl'),
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive,
  vocab_size: positive,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive(),
  rope_scaling: z.object({ mrope_section: z.tuple([positive, positive, positive]) }),
  tie_word_embeddings: z.boolean().default(false),
  hidden_act: z.literal('silu').default('silu'),
  image_token_id: positive,
  vision_start_token_id: positive,
  vision_end_token_id: positive,
  vision_config: z.object({
    depth: positive,
    embed_dim: positive,
    num_heads: positive,
    mlp_ratio: z.number().positive(),
    hidden_size: positive,
    in_chans: positive.optional(),
    in_channels: positive.optional(),
    patch_size: positive,
    temporal_patch_size: positive,
    spatial_merge_size: positive,
    hidden_act: z.literal('quick_gelu').default('quick_gelu'),
  }),
});

/** The fields of a `config.json` that the model reads, in the file's own names. */
export type Qwen2VLConfigFile = z.input<typeof schema>;

/**
 * Brings the layout that transformers writes since 5.0 (`text_config`, `rope_parameters`) into that of the published
 * checkpoints, where the decoder's fields stand at the top.
 */
function flattenLayout(json: unknown): unknown {
  if (json === null || typeof json !== 'object' || !('text_config' in json)) return json;
  const { text_config, ...top } = json as { text_config: { [field: string]: unknown } };
  const { model_type: _, rope_parameters, ...text } = text_config ?? {};
  const rope = (rope_parameters ?? {}) as { rope_theta?: unknown; mrope_section?: unknown };
  const rotary = rope_parameters
    ? { rope_theta: rope.rope_theta, rope_scaling: { mrope_section: rope.mrope_section } }
    : {};
  return { ...text, ...rotary, ...top };
}

/**
 * Checks the content of a `config.json`, in either layout. Fields that the model does not need are ignored, as they differ between releases.
 *
 * @param json the parsed file
 * @param file its name, for the message
 * @throws Error naming the file, the field and what is wrong with it
 */
export function parseConfig(json: unknown, file = 'config.json'): Qwen2VLConfig {
  const parsed = schema.safeParse(flattenLayout(json));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
    throw new Error(`${file} is not a Qwen2-VL configuration: ${problems.join('; ')}`);
  }
  const raw = parsed.data;
  const vision = raw.vision_config;
  const require = (holds: boolean, problem: string) => {
    if (!holds) throw new Error(`${file}: ${problem}`);
  };
  require(raw.hidden_size % raw.num_attention_heads === 0, 'num_attention_heads must divide hidden_size');
  require(raw.num_attention_heads % raw.num_key_value_heads ===
    0, 'num_key_value_heads must divide num_attention_heads');
  const headSize = raw.hidden_size / raw.num_attention_heads;
  const section = raw.rope_scaling.mrope_section;
  require(section[0] + section[1] + section[2] ===
    headSize / 2, `rope_scaling.mrope_section must sum to half the head size, ${headSize / 2}, but is [${section}]`);
  require(vision.hidden_size ===
    raw.hidden_size, "vision_config.hidden_size (the merger's output) must equal hidden_size");
  require(vision.embed_dim % (4 * vision.num_heads) ===
    0, 'vision_config.embed_dim must be a multiple of 4 x num_heads');
  return {
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads: raw.num_attention_heads,
    keyValueHeads: raw.num_key_value_heads,
    headSize,
    vocabSize: raw.vocab_size,
    rmsNormEps: raw.rms_norm_eps,
    ropeTheta: raw.rope_theta,
    mropeSection: section,
    tieWordEmbeddings: raw.tie_word_embeddings,
    imageTokenId: raw.image_token_id,
    visionStartTokenId: raw.vision_start_token_id,
    visionEndTokenId: raw.vision_end_token_id,
    vision: {
      layers: vision.depth,
      embedSize: vision.embed_dim,
      heads: vision.num_heads,
      mlpSize: Math.round(vision.embed_dim * vision.mlp_ratio),
      channels: vision.in_chans ?? vision.in_channels ?? 3,
      patchSize: vision.patch_size,
      temporalPatchSize: vision.temporal_patch_size,
      mergeSize: vision.spatial_merge_size,
    },
  };
}

/** Reads `config.json` of a checkpoint folder. */
export function readConfig(folder: string): Qwen2VLConfig {
  const file = path.join(folder, 'config.json');
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}; is '${folder}' a checkpoint folder?`);
  }
  return parseConfig(json, file);
}
