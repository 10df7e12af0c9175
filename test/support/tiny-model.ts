/** A Qwen2-VL and a Qwen3-VL of a few thousand parameters, for tests that need a whole model and no meaning. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/engine/random.js';
import { type ModelConfig, parseConfig, type Qwen2VLConfigFile } from '../../lib/model/configuration.js';
import { initialParameters, parameterShapes } from '../../lib/model/parameters.js';
import type { ProcessedImage } from '../../lib/model/tensors.js';

export const TINY_CONFIG_FILE: Qwen2VLConfigFile = {
  model_type: 'qwen2_vl',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 32,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  rope_scaling: { mrope_section: [1, 1, 2] },
  tie_word_embeddings: true,
  image_token_id: 3,
  vision_start_token_id: 4,
  vision_end_token_id: 5,
  vision_config: {
    depth: 1,
    embed_dim: 16,
    num_heads: 2,
    mlp_ratio: 2,
    hidden_size: 16,
    patch_size: 2,
    temporal_patch_size: 2,
    spatial_merge_size: 2,
  },
};

export const TINY_CONFIG = parseConfig(TINY_CONFIG_FILE);

/** A Qwen3-VL for the same tokens and images: wide heads, two features of DeepStack, and a layer of the decoder without one. */
export const TINY_QWEN3_CONFIG_FILE = {
  model_type: 'qwen3_vl',
  image_token_id: 3,
  vision_start_token_id: 4,
  vision_end_token_id: 5,
  text_config: {
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 3,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 12,
    vocab_size: 32,
    rms_norm_eps: 1e-6,
    rope_parameters: { rope_theta: 10000, mrope_section: [3, 2, 1] },
    tie_word_embeddings: true,
  },
  vision_config: {
    depth: 2,
    hidden_size: 16,
    intermediate_size: 20,
    num_heads: 2,
    patch_size: 2,
    out_hidden_size: 16,
    num_position_embeddings: 9,
    deepstack_visual_indexes: [0, 1],
  },
};

export const TINY_QWEN3_CONFIG = parseConfig(TINY_QWEN3_CONFIG_FILE);

/** Parameters drawn wide enough that outputs differ visibly between inputs. */
export function tinyParameters(seed = 1, config: ModelConfig = TINY_CONFIG): { [name: string]: tf.Tensor } {
  const values = initialParameters(config, seed);
  const parameters: { [name: string]: tf.Tensor } = {};
  for (const [name, shape] of parameterShapes(config)) {
    const scale = shape.length > 1 ? 10 : 1;
    parameters[name] = tf.tensor(
      values.get(name)!.map((x) => x * scale),
      shape,
    );
  }
  return parameters;
}

/** An image of 4 x 4 patches, hence 4 visual tokens, of random values. */
export function tinyImage(seed: number): ProcessedImage {
  const random = new Random(seed, 'tiny image');
  return { pixelValues: Float32Array.from({ length: 16 * 24 }, () => random.normal()), grid: [1, 4, 4] };
}

/** A prompt with one image: vision start, four image tokens, vision end, then `text`. */
export function tinyPrompt(seed: number, text: readonly number[]) {
  return { tokens: [4, 3, 3, 3, 3, 5, ...text], images: [tinyImage(seed)] };
}
