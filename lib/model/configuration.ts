/** The `config.json` of Qwen2-VL or Qwen2.5-VL: read, checked, and turned into the numbers that the model is built from. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** The sizes and constants of one model. The decoders of both families are alike; the vision towers differ. */
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
  /** Qwen2-VL's blocks have layer norms and a GELU, Qwen2.5-VL's root-mean-square norms and SwiGLU. */
  family: 'qwen2_vl' | 'qwen2_5_vl';
  layers: number;
  embedSize: number;
  heads: number;
  mlpSize: number;
  channels: number;
  patchSize: number;
  temporalPatchSize: number;
  /** Patches a side that the merger joins into one visual token. */
  mergeSize: number;
  /** Qwen2.5-VL's window attention; absent in Qwen2-VL, where every block sees the whole image. */
  windows?: {
    /** Patches a side, a multiple of `mergeSize`. */
    side: number;
    /** The blocks, from 0, that see the whole image all the same. */
    wholeBlocks: number[];
  };
}

const positive = z.number().int().positive();

/** What `rope_scaling` may say of the kind: a longer context by YaRN, which the kit does not compute, is refused. */
const plainRope = z.enum(['mrope', 'default']).optional();

const text = {
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive,
  vocab_size: positive,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive(),
  rope_scaling: z.object({
    mrope_section: z.tuple([positive, positive, positive]),
    type: plainRope,
    rope_type: plainRope,
  }),
  use_sliding_window: z.literal(false).nullish(),
  tie_word_embeddings: z.boolean().default(false),
  hidden_act: z.literal('silu').default('silu'),
  image_token_id: positive,
  vision_start_token_id: positive,
  vision_end_token_id: positive,
};

const vision = {
  depth: positive,
  num_heads: positive,
  hidden_size: positive,
  in_chans: positive.optional(),
  in_channels: positive.optional(),
  patch_size: positive,
  temporal_patch_size: positive,
  spatial_merge_size: positive,
};

const qwen2VL = z.object({
  ...text,
  model_type: z.literal('qwen2_vl'),
  vision_config: z.object({
    ...vision,
    embed_dim: positive,
    mlp_ratio: z.number().positive(),
    hidden_act: z.literal('quick_gelu').default('quick_gelu'),
  }),
});

const qwen25VL = z.object({
  ...text,
  model_type: z.literal('qwen2_5_vl'),
  vision_config: z.object({
    ...vision,
    intermediate_size: positive,
    out_hidden_size: positive,
    window_size: positive,
    fullatt_block_indexes: z.array(z.number().int().nonnegative()),
    hidden_act: z.literal('silu').default('silu'),
  }),
});

const schema = z.discriminatedUnion('model_type', [qwen2VL, qwen25VL]);

/** The fields of Qwen2-VL's `config.json` that the model reads, in the file's own names. */
export type Qwen2VLConfigFile = z.input<typeof qwen2VL>;

/** What the whole model's part of a nested file says, not the decoder's, which may hold a copy or null. */
const OF_WHOLE = ['model_type', 'image_token_id', 'vision_start_token_id', 'vision_end_token_id'] as const;

/**
 * Brings the layout that transformers writes since 4.52 (`text_config`, since 5.0 with `rope_parameters` in it) into that of the
 * published checkpoints, where the decoder's fields stand at the top. Where both hold one, transformers takes `text_config`'s:
 * 4.52 to 4.57 leave old copies at the top, such as the vocabulary's size before it was enlarged.
 */
function flattenLayout(json: unknown): unknown {
  if (json === null || typeof json !== 'object' || !('text_config' in json)) return json;
  const { text_config, ...top } = json as { text_config: { [field: string]: unknown }; [field: string]: unknown };
  const { rope_parameters, ...text } = text_config ?? {};
  const { rope_theta, ...rope } = (rope_parameters ?? {}) as { [field: string]: unknown };
  const rotary = rope_parameters ? { rope_theta, rope_scaling: rope } : {};
  const whole = Object.fromEntries(OF_WHOLE.map((field) => [field, top[field]]));
  const tie_word_embeddings = top.tie_word_embeddings === true || text.tie_word_embeddings === true;
  return { ...top, ...text, ...rotary, ...whole, tie_word_embeddings };
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
    throw new Error(`${file} is not a Qwen2-VL or Qwen2.5-VL configuration: ${problems.join('; ')}`);
  }
  const raw = parsed.data;
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
    vision: visionConfig(raw, require),
  };
}

function visionConfig(raw: z.output<typeof schema>, require: (holds: boolean, problem: string) => void): VisionConfig {
  const { num_heads: heads, patch_size: patchSize, spatial_merge_size: mergeSize } = raw.vision_config;
  const shared = {
    layers: raw.vision_config.depth,
    heads,
    channels: raw.vision_config.in_chans ?? raw.vision_config.in_channels ?? 3,
    patchSize,
    temporalPatchSize: raw.vision_config.temporal_patch_size,
    mergeSize,
  };
  const ofHeads = 'must be a multiple of 4 x num_heads';
  if (raw.model_type === 'qwen2_vl') {
    const { embed_dim, mlp_ratio, hidden_size } = raw.vision_config;
    require(hidden_size === raw.hidden_size, "vision_config.hidden_size (the merger's output) must equal hidden_size");
    require(embed_dim % (4 * heads) === 0, `vision_config.embed_dim ${ofHeads}`);
    return { family: raw.model_type, ...shared, embedSize: embed_dim, mlpSize: Math.round(embed_dim * mlp_ratio) };
  }
  const { hidden_size, intermediate_size, out_hidden_size, window_size, fullatt_block_indexes } = raw.vision_config;
  require(out_hidden_size ===
    raw.hidden_size, "vision_config.out_hidden_size (the merger's output) must equal hidden_size");
  require(hidden_size % (4 * heads) === 0, `vision_config.hidden_size ${ofHeads}`);
  const merged = Math.floor(window_size / mergeSize / patchSize);
  require(merged >= 1, 'vision_config.window_size must be at least patch_size x spatial_merge_size pixels');
  const windows = { side: merged * mergeSize, wholeBlocks: fullatt_block_indexes };
  return { family: raw.model_type, ...shared, embedSize: hidden_size, mlpSize: intermediate_size, windows };
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
