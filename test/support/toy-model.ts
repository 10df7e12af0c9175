/** A Qwen2-VL and a Qwen3-VL of one to two thousand parameters, small enough to check every entry of a gradient by finite differences. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/engine/random.js';
import { type ModelConfig, parseConfig } from '../../lib/model/configuration.js';
import { parameterShapes } from '../../lib/model/parameters.js';
import type { ProcessedImage } from '../../lib/model/tensors.js';
import type { Sequence, Weights } from './reference-model.js';

export const TOY_CONFIG = parseConfig({
  model_type: 'qwen2_vl',
  hidden_size: 12,
  intermediate_size: 6,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 12,
  rms_norm_eps: 1e-6,
  rope_theta: 100,
  rope_scaling: { mrope_section: [1, 1, 1] },
  tie_word_embeddings: true,
  image_token_id: 3,
  vision_start_token_id: 4,
  vision_end_token_id: 5,
  vision_config: {
    depth: 1,
    embed_dim: 4,
    num_heads: 1,
    mlp_ratio: 1,
    hidden_size: 12,
    patch_size: 1,
    temporal_patch_size: 2,
    spatial_merge_size: 2,
  },
});

/** A Qwen3-VL for the same prompts: DeepStack behind the first of two layers, and a learned grid that no image fits. */
export const TOY_QWEN3_CONFIG = parseConfig({
  model_type: 'qwen3_vl',
  image_token_id: 3,
  vision_start_token_id: 4,
  vision_end_token_id: 5,
  text_config: {
    hidden_size: 6,
    intermediate_size: 4,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 8,
    vocab_size: 12,
    rms_norm_eps: 1e-6,
    rope_parameters: { rope_theta: 100, mrope_section: [2, 1, 1] },
    tie_word_embeddings: true,
  },
  vision_config: {
    depth: 2,
    hidden_size: 4,
    intermediate_size: 4,
    num_heads: 1,
    patch_size: 1,
    out_hidden_size: 6,
    num_position_embeddings: 9,
    deepstack_visual_indexes: [0],
  },
});

/** Random weights, wide enough that attention and norms are far from linear. */
export function toyWeights(seed: number, config: ModelConfig = TOY_CONFIG): Weights {
  const random = new Random(seed, 'toy weights');
  const weights: Weights = {};
  for (const [name, shape] of parameterShapes(config)) {
    const size = shape.reduce((a, b) => a * b, 1);
    const around = name.endsWith('.weight') && shape.length === 1 ? 1 : 0;
    // Rounded to float32, so that both models hold the same numbers.
    weights[name] = Float64Array.from({ length: size }, () => Math.fround(around + 0.5 * random.normal()));
  }
  return weights;
}

/** The same weights as tensors. */
export function toyTensors(weights: Weights, config: ModelConfig = TOY_CONFIG): { [name: string]: tf.Tensor } {
  const shapes = parameterShapes(config);
  return Object.fromEntries(
    Object.entries(weights).map(([name, data]) => [name, tf.tensor(Float32Array.from(data), shapes.get(name)!)]),
  );
}

/** A prompt with an image of `rows` x `columns` merged patches and some text, for the kit and for the reference model. */
export function toyPrompt(
  seed: number,
  [rows, columns]: [number, number],
  text: readonly number[],
): { kit: { tokens: number[]; images: ProcessedImage[] }; reference: Sequence } {
  const random = new Random(seed, 'toy image');
  const grid: [number, number, number] = [1, 2 * rows, 2 * columns];
  const patches = Array.from({ length: 4 * rows * columns }, () =>
    Array.from({ length: 6 }, () => Math.fround(random.normal())),
  );
  const tokens = [4, ...Array.from({ length: rows * columns }, () => 3), 5, ...text];
  return {
    kit: { tokens, images: [{ pixelValues: Float32Array.from(patches.flat()), grid }] },
    reference: { tokens, images: [{ grid, patches }] },
  };
}

/** Relative distance of two gradients, for the worst tensor: |a - b| / max(|b|, 1e-3 of the whole gradient's norm). */
export function worstRelativeError(a: { [name: string]: ArrayLike<number> }, b: { [name: string]: ArrayLike<number> }) {
  const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0));
  const whole = norm(Object.values(b).flatMap((x) => Array.from(x)));
  let worst = { name: '', error: 0 };
  for (const name of Object.keys(b)) {
    const gap = norm(Array.from(b[name]!, (x, i) => x - a[name]![i]!));
    const error = gap / Math.max(norm(b[name]!), 1e-3 * whole);
    if (error > worst.error) worst = { name, error };
  }
  return worst;
}
