/**
 * The families of models that the kit reads, and all that tells one from another.
 *
 * A family reads its own fields of `config.json` and turns them into plain facts: sizes, the kind of norm, the kind of perceptron,
 * the windows of attention. Everything else follows these facts (`modules.ts` by names and shapes, `vision.ts` by arithmetic), and
 * no other file asks which family a model belongs to. A new family is described here; where it has a fact that none had before,
 * the fact joins `architecture.ts`, and its arithmetic joins the file that computes that part.
 *
 * What all families share stands where it is used: the two layouts of tensor names (`tensor-names.ts`), special tokens
 * (`tokenizer.ts`), the image processor (`image-processor.ts`), which all published families name `Qwen2VLImageProcessor`.
 */
import { z } from 'zod';
import type { DecoderConfig, VisionConfig } from './architecture.js';
import type { TensorLayout } from './tensor-names.js';

/** One family of models. */
export interface Family {
  /** Its published name, for messages. */
  title: string;
  /** The decoder's fields of `config.json`, in the layout of the published checkpoints, and what they mean. */
  decoder: z.ZodType<DecoderConfig>;
  /** The fields of `vision_config`, and what they mean. */
  vision: z.ZodType<VisionConfig>;
  /** The field of `vision_config` that holds the width of a visual token. */
  outputField: string;
  /** How its published checkpoints name the tensors. */
  tensorLayout: TensorLayout;
}

/**
 * A whole number above 0. The bounds lie far beyond every published model. Without them, a slip such as 1e9 layers would end in a
 * process that hangs or runs out of memory before any file of weights is compared.
 */
const upTo = (most: number) => z.number().int().positive().max(most, `must be at most ${most}`);
/** Widths, heads, patches. */
const positive = upTo(1_000_000);
const layerCount = upTo(1_000);

/** The kinds of `rope_scaling` that the kit computes. YaRN, which stretches the context, is not among them. */
const plainRope = z.enum(['mrope', 'default']).optional();

/** The rotary positions of all towers, as transformers has written them since 5.0: their base is not read, but no other is computed. */
const towerRope = z
  .object({ rope_theta: z.literal(10_000).optional(), rope_type: z.literal('axial').optional() })
  .nullish();

/** The decoder's fields in the files of all families. */
const decoderFields = {
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: layerCount,
  num_attention_heads: positive,
  num_key_value_heads: positive,
  vocab_size: upTo(10_000_000),
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive(),
  use_sliding_window: z.literal(false).nullish(),
  tie_word_embeddings: z.boolean().default(false),
  hidden_act: z.literal('silu').default('silu'),
};

/** The fields of `rope_scaling`. */
const ropeFields = { mrope_section: z.tuple([positive, positive, positive]), type: plainRope, rope_type: plainRope };

type DecoderFields = z.output<z.ZodObject<typeof decoderFields>> & {
  rope_scaling: { mrope_section: [number, number, number] };
};

/** Calls `addIssue` for a field where a condition does not hold. */
function checkWith({ addIssue }: Pick<z.RefinementCtx, 'addIssue'>) {
  return (holds: boolean, field: string[], message: string) => {
    if (!holds) addIssue({ code: 'custom', path: field, message });
  };
}

/** What all decoders share, with heads of the width `headSize`. */
function decoderSizes(fields: DecoderFields, headSize: number, context: z.RefinementCtx) {
  const check = checkWith(context);
  const { num_attention_heads, num_key_value_heads, rope_scaling } = fields;
  const section = rope_scaling.mrope_section;
  check(num_attention_heads % num_key_value_heads === 0, ['num_key_value_heads'], 'must divide num_attention_heads');
  check(
    section[0] + section[1] + section[2] === headSize / 2,
    ['rope_scaling', 'mrope_section'],
    `must sum to half the head size, ${headSize / 2}, but is [${section}]`,
  );
  return {
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layers: fields.num_hidden_layers,
    heads: num_attention_heads,
    keyValueHeads: num_key_value_heads,
    headSize,
    vocabSize: fields.vocab_size,
    rmsNormEps: fields.rms_norm_eps,
    ropeTheta: fields.rope_theta,
    mropeSection: section,
    tieWordEmbeddings: fields.tie_word_embeddings,
  };
}

/**
 * The decoder of Qwen2, which Qwen2-VL and Qwen2.5-VL have. Files that hold only what differs are read as transformers reads them: for
 * missing fields the values of its Qwen2VLTextConfig hold.
 */
const qwen2Decoder = z
  .object({
    ...decoderFields,
    hidden_size: positive.default(8192),
    intermediate_size: positive.default(29568),
    num_hidden_layers: layerCount.default(80),
    num_attention_heads: positive.default(64),
    num_key_value_heads: positive.default(8),
    vocab_size: decoderFields.vocab_size.default(152064),
    rms_norm_eps: decoderFields.rms_norm_eps.default(1e-5),
    rope_theta: decoderFields.rope_theta.default(1e6),
    rope_scaling: z.object(ropeFields),
  })
  .transform((fields, context): DecoderConfig => {
    const headSize = fields.hidden_size / fields.num_attention_heads;
    checkWith(context)(Number.isInteger(headSize), ['num_attention_heads'], 'must divide hidden_size');
    const sizes = decoderSizes(fields, headSize, context);
    return { ...sizes, mropeLayout: 'sections', attentionBias: true, queryKeyNorm: false };
  });

/**
 * The decoder of Qwen3 (Yang et al. 2025), with the rotary positions of Qwen3-VL. For missing fields the values of transformers'
 * Qwen3VLTextConfig hold.
 */
const qwen3Decoder = z
  .object({
    ...decoderFields,
    hidden_size: positive.default(4096),
    intermediate_size: positive.default(22016),
    num_hidden_layers: layerCount.default(32),
    num_attention_heads: positive.default(32),
    num_key_value_heads: positive.default(32),
    /** It need not be hidden_size / num_attention_heads. */
    head_dim: positive.default(128),
    vocab_size: decoderFields.vocab_size.default(151936),
    rms_norm_eps: decoderFields.rms_norm_eps.default(1e-6),
    rope_theta: decoderFields.rope_theta.default(500_000),
    attention_bias: z.literal(false).nullish(),
    rope_scaling: z.object({
      ...ropeFields,
      mrope_section: ropeFields.mrope_section.default([24, 20, 20]),
      mrope_interleaved: z.literal(true).nullish(),
    }),
  })
  .transform((fields, context): DecoderConfig => {
    const sizes = decoderSizes(fields, fields.head_dim, context);
    const [, height, width] = sizes.mropeSection;
    checkWith(context)(
      3 * Math.max(height, width) <= fields.head_dim / 2,
      ['rope_scaling', 'mrope_section'],
      `[${sizes.mropeSection}] cannot be interleaved: height and width may have a third of the ${fields.head_dim / 2} frequencies each`,
    );
    return { ...sizes, mropeLayout: 'interleaved', attentionBias: false, queryKeyNorm: true };
  });

/**
 * The fields of `vision_config` that the towers of Qwen2-VL and Qwen2.5-VL have. A checkpoint that was trained on often names only those
 * that differ: for missing fields of the two towers the values of transformers' Qwen2VLVisionConfig and Qwen2_5_VLVisionConfig hold.
 */
const towerFields = {
  depth: layerCount.default(32),
  num_heads: positive.default(16),
  hidden_size: positive.default(3584),
  in_chans: positive.optional(),
  in_channels: positive.optional(),
  patch_size: positive.default(14),
  temporal_patch_size: positive.default(2),
  spatial_merge_size: positive.default(2),
  rope_parameters: towerRope,
};

function towerSizes(fields: Omit<z.output<z.ZodObject<typeof towerFields>>, 'hidden_size'>) {
  return {
    layers: fields.depth,
    heads: fields.num_heads,
    channels: fields.in_chans ?? fields.in_channels ?? 3,
    patchSize: fields.patch_size,
    temporalPatchSize: fields.temporal_patch_size,
    mergeSize: fields.spatial_merge_size,
  };
}

/** The 2-D rotary positions give a quarter of a head's features to each of row and column, twice. */
const WIDTH_OF_HEADS = 'must be a multiple of 4 x num_heads';

/** What lies before and behind the blocks of both of these towers. */
const QWEN2_EDGES = {
  patchBias: false,
  mergerNames: { norm: 'ln_q', inward: 'mlp.0', outward: 'mlp.2' },
  deepStack: [],
} satisfies Partial<VisionConfig>;

/** The tower of Qwen2-VL (Wang et al. 2024, section 2.1). */
const qwen2Tower = z
  .object({
    ...towerFields,
    embed_dim: positive.default(1280),
    mlp_ratio: z.number().positive().max(1_000).default(4),
    hidden_act: z.literal('quick_gelu').default('quick_gelu'),
  })
  .refine((fields) => fields.embed_dim % (4 * fields.num_heads) === 0, { path: ['embed_dim'], error: WIDTH_OF_HEADS })
  .transform(
    (fields): VisionConfig => ({
      ...towerSizes(fields),
      embedSize: fields.embed_dim,
      mlpSize: Math.round(fields.embed_dim * fields.mlp_ratio),
      outputSize: fields.hidden_size,
      norm: 'layer',
      perceptron: 'quickGelu',
      ...QWEN2_EDGES,
    }),
  );

/** The tower of Qwen2.5-VL (Bai et al. 2025, section 2.1.1). */
const qwen25Tower = z
  .object({
    ...towerFields,
    intermediate_size: positive.default(3420),
    out_hidden_size: positive.default(3584),
    /** In pixels. */
    window_size: positive.default(112),
    fullatt_block_indexes: z.array(z.number().int().nonnegative()).default([7, 15, 23, 31]),
    hidden_act: z.literal('silu').default('silu'),
  })
  .refine((fields) => fields.hidden_size % (4 * fields.num_heads) === 0, {
    path: ['hidden_size'],
    error: WIDTH_OF_HEADS,
  })
  .refine((fields) => fields.window_size >= fields.spatial_merge_size * fields.patch_size, {
    path: ['window_size'],
    error: 'must be at least patch_size x spatial_merge_size pixels',
  })
  .transform((fields): VisionConfig => {
    const { spatial_merge_size, patch_size, window_size } = fields;
    const merged = Math.floor(window_size / spatial_merge_size / patch_size);
    return {
      ...towerSizes(fields),
      embedSize: fields.hidden_size,
      mlpSize: fields.intermediate_size,
      outputSize: fields.out_hidden_size,
      norm: 'rootMeanSquare',
      perceptron: 'swiGlu',
      ...QWEN2_EDGES,
      windows: { side: merged * spatial_merge_size, wholeBlocks: fields.fullatt_block_indexes },
    };
  });

/**
 * The tower of Qwen3-VL (Bai et al. 2025, Qwen3-VL Technical Report, section 2). For missing fields the values of transformers'
 * Qwen3VLVisionConfig hold.
 */
const qwen3Tower = z
  .object({
    depth: layerCount.default(27),
    hidden_size: positive.default(1152),
    intermediate_size: positive.default(4304),
    num_heads: positive.default(16),
    in_channels: positive.default(3),
    patch_size: positive.default(16),
    temporal_patch_size: positive.default(2),
    spatial_merge_size: positive.default(2),
    out_hidden_size: positive.default(3584),
    num_position_embeddings: positive
      .refine(
        (count) => Number.isInteger(Math.sqrt(count)),
        'must be a square number, as the positions form a square grid',
      )
      .default(2304),
    deepstack_visual_indexes: z.array(z.number().int().nonnegative()).default([8, 16, 24]),
    hidden_act: z.literal('gelu_pytorch_tanh').default('gelu_pytorch_tanh'),
    rope_parameters: towerRope,
  })
  .refine((fields) => fields.hidden_size % (4 * fields.num_heads) === 0, {
    path: ['hidden_size'],
    error: WIDTH_OF_HEADS,
  })
  .refine(
    ({ deepstack_visual_indexes: blocks, depth }) =>
      blocks.every((block, i) => block < depth && (i === 0 || block > blocks[i - 1]!)),
    { path: ['deepstack_visual_indexes'], error: 'must be blocks of the tower, from 0 to depth - 1, in rising order' },
  )
  .transform(
    (fields): VisionConfig => ({
      ...towerSizes(fields),
      embedSize: fields.hidden_size,
      mlpSize: fields.intermediate_size,
      outputSize: fields.out_hidden_size,
      norm: 'layer',
      perceptron: 'tanhGelu',
      patchBias: true,
      positionGrid: Math.sqrt(fields.num_position_embeddings),
      mergerNames: { norm: 'norm', inward: 'linear_fc1', outward: 'linear_fc2' },
      deepStack: fields.deepstack_visual_indexes,
    }),
  );

/** Every family by the `model_type` of its `config.json`. */
export const FAMILIES = {
  qwen2_vl: {
    title: 'Qwen2-VL',
    decoder: qwen2Decoder,
    vision: qwen2Tower,
    outputField: 'hidden_size',
    tensorLayout: 'published',
  },
  qwen2_5_vl: {
    title: 'Qwen2.5-VL',
    decoder: qwen2Decoder,
    vision: qwen25Tower,
    outputField: 'out_hidden_size',
    tensorLayout: 'published',
  },
  qwen3_vl: {
    title: 'Qwen3-VL',
    decoder: qwen3Decoder,
    vision: qwen3Tower,
    outputField: 'out_hidden_size',
    tensorLayout: 'modules',
  },
} satisfies { [modelType: string]: Family };

/**
 * The family of a `model_type`.
 *
 * @throws Error naming the families that exist
 */
export function familyOf(modelType: unknown): Family {
  if (typeof modelType === 'string' && Object.hasOwn(FAMILIES, modelType))
    return FAMILIES[modelType as keyof typeof FAMILIES];
  const known = Object.entries(FAMILIES).map(([name, { title }]) => `${name} (${title})`);
  const list = `${known.slice(0, -1).join(', ')} and ${known.at(-1)}`;
  throw new Error(`model_type is ${JSON.stringify(modelType)}; the kit reads ${list}`);
}
