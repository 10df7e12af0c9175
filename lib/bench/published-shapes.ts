/** Describes the shapes of Qwen2-VL's 2B and 7B and of Qwen3-VL's 2B in their own file formats, and a smaller one with the vocabulary of the first. */

/** The special tokens of Qwen2-VL and Qwen3-VL in the order of their ids, the first of which is 151,643. */
export const SPECIAL_TOKENS = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|object_ref_start|>',
  '<|object_ref_end|>',
  '<|box_start|>',
  '<|box_end|>',
  '<|quad_start|>',
  '<|quad_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
];
/** The id of the first one. */
export const FIRST_SPECIAL = 151_643;
const idOf = (content: string) => FIRST_SPECIAL + SPECIAL_TOKENS.indexOf(content);

/** The `config.json` of Qwen/Qwen2-VL-2B-Instruct, as far as a model needs it. */
export const QWEN2_VL_2B = {
  architectures: ['Qwen2VLForConditionalGeneration'],
  model_type: 'qwen2_vl',
  hidden_size: 1536,
  intermediate_size: 8960,
  num_hidden_layers: 28,
  num_attention_heads: 12,
  num_key_value_heads: 2,
  vocab_size: 151_936,
  max_position_embeddings: 32_768,
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  bos_token_id: idOf('<|endoftext|>'),
  eos_token_id: idOf('<|im_end|>'),
  vision_start_token_id: idOf('<|vision_start|>'),
  vision_end_token_id: idOf('<|vision_end|>'),
  vision_token_id: idOf('<|vision_pad|>'),
  image_token_id: idOf('<|image_pad|>'),
  video_token_id: idOf('<|video_pad|>'),
  vision_config: {
    depth: 32,
    embed_dim: 1280,
    mlp_ratio: 4,
    num_heads: 16,
    in_chans: 3,
    hidden_size: 1536,
    patch_size: 14,
    temporal_patch_size: 2,
    spatial_merge_size: 2,
    spatial_patch_size: 14,
  },
};

/** The `config.json` of Qwen/Qwen2-VL-7B-Instruct, likewise. Its vision tower is the 2B's; only the merger is wider. */
export const QWEN2_VL_7B = {
  ...QWEN2_VL_2B,
  hidden_size: 3584,
  intermediate_size: 18_944,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 152_064,
  tie_word_embeddings: false,
  vision_config: { ...QWEN2_VL_2B.vision_config, hidden_size: 3584 },
};

/** The `config.json` of Qwen/Qwen3-VL-2B-Instruct, likewise. */
const QWEN3_VL_2B = {
  architectures: ['Qwen3VLForConditionalGeneration'],
  model_type: 'qwen3_vl',
  image_token_id: idOf('<|image_pad|>'),
  video_token_id: idOf('<|video_pad|>'),
  vision_start_token_id: idOf('<|vision_start|>'),
  vision_end_token_id: idOf('<|vision_end|>'),
  tie_word_embeddings: true,
  text_config: {
    model_type: 'qwen3_vl_text',
    hidden_size: 2048,
    intermediate_size: 6144,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 128,
    vocab_size: 151_936,
    max_position_embeddings: 262_144,
    attention_bias: false,
    hidden_act: 'silu',
    rms_norm_eps: 1e-6,
    rope_theta: 5_000_000,
    rope_scaling: { mrope_interleaved: true, mrope_section: [24, 20, 20], rope_type: 'default' },
    tie_word_embeddings: true,
    dtype: 'bfloat16',
    bos_token_id: idOf('<|endoftext|>'),
    eos_token_id: idOf('<|im_end|>'),
  },
  vision_config: {
    model_type: 'qwen3_vl',
    depth: 24,
    hidden_size: 1024,
    intermediate_size: 4096,
    num_heads: 16,
    in_channels: 3,
    patch_size: 16,
    temporal_patch_size: 2,
    spatial_merge_size: 2,
    out_hidden_size: 2048,
    num_position_embeddings: 2304,
    deepstack_visual_indexes: [5, 11, 17],
    hidden_act: 'gelu_pytorch_tanh',
  },
};

/** The shapes that `npm run bench -- --size=...` can take: the published ones, and one of a tenth of the 2B's parameters. */
export const SIZES: { readonly [name: string]: object } = {
  '7b': QWEN2_VL_7B,
  '2b': QWEN2_VL_2B,
  'qwen3-vl-2b': QWEN3_VL_2B,
  '0.2b': {
    ...QWEN2_VL_2B,
    hidden_size: 512,
    intermediate_size: 2816,
    num_hidden_layers: 14,
    num_attention_heads: 4,
    vision_config: { ...QWEN2_VL_2B.vision_config, depth: 8, embed_dim: 640, hidden_size: 512 },
  },
};

const QWEN2_PREPROCESSOR = {
  image_processor_type: 'Qwen2VLImageProcessor',
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
  merge_size: 2,
  min_pixels: 3136,
  max_pixels: 12_845_056,
  patch_size: 14,
  rescale_factor: 1 / 255,
  temporal_patch_size: 2,
};

/** The `preprocessor_config.json` of the published checkpoints, by their `model_type`. */
export const PREPROCESSORS: { readonly [modelType: string]: object } = {
  qwen2_vl: QWEN2_PREPROCESSOR,
  qwen3_vl: {
    image_processor_type: 'Qwen2VLImageProcessorFast',
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    merge_size: 2,
    patch_size: 16,
    size: { shortest_edge: 65_536, longest_edge: 16_777_216 },
    temporal_patch_size: 2,
  },
};
