/** The decoder of Qwen2-VL: grouped-query attention with M-RoPE, SwiGLU, root-mean-square norms. */
import * as tf from '@tensorflow/tfjs';
import { checkpointed } from '../engine/checkpoint.js';
import { batchedProduct, rmsNorm, rotate, swiGlu } from '../engine/operations.js';
import type { Qwen2VLConfig } from './configuration.js';
import type { RotaryAngles } from './mrope.js';
import { project } from './projection.js';
import type { Parameters } from './vision.js';

/** How the heads of a layer look at keys. */
export interface Attention {
  /** What `attend` needs besides, the same for every layer. */
  masks: readonly tf.Tensor[];
  /**
   * Queries `[batch, heads, tokens, size]`, keys and values `[batch, keyValueHeads, tokens, size]` of the same tokens, all
   * rotated, to `[batch, heads, tokens, size]`.
   */
  attend: (
    layer: number,
    queries: tf.Tensor4D,
    keys: tf.Tensor4D,
    values: tf.Tensor4D,
    masks: readonly tf.Tensor[],
  ) => tf.Tensor4D;
}

/** Called with each layer's keys and values, for a cache. */
export type KeepCache = (layer: number, keys: tf.Tensor4D, values: tf.Tensor4D) => void;

/** What attention scores get where looking is not allowed. */
export const FORBIDDEN = -1e9;

/**
 * Runs all layers and the final norm.
 *
 * @param x token embeddings `[batch x tokens, hidden]`
 * @param checkpoint the backward pass computes each layer again instead of keeping what is in it
 * @returns `[batch x tokens, hidden]`
 */
export function decode(
  parameters: Parameters,
  x: tf.Tensor2D,
  batch: number,
  angles: RotaryAngles,
  attention: Attention,
  config: Qwen2VLConfig,
  checkpoint = false,
): tf.Tensor2D {
  const layer = checkpoint ? decodeLayerAgain : decodeLayer;
  let hidden: tf.Tensor2D = x;
  for (let i = 0; i < config.layers; i++) hidden = layer(parameters, hidden, batch, i, angles, attention, config);
  return rmsNorm(hidden, parameters['model.norm.weight']!, config.rmsNormEps) as tf.Tensor2D;
}

/** A layer under gradient checkpointing. */
const decodeLayerAgain: typeof decodeLayer = (parameters, x, batch, layer, angles, attention, config) => {
  const names = Object.keys(parameters).filter((name) => name.startsWith(`model.layers.${layer}.`));
  return checkpointed(
    ([x, ...weights], [cos, sin, ...masks]) => {
      const some = Object.fromEntries(names.map((name, i) => [name, weights[i]!]));
      const same = { ...attention, masks };
      return decodeLayer(some, x as tf.Tensor2D, batch, layer, { cos: cos!, sin: sin! }, same, config);
    },
    [x, ...names.map((name) => parameters[name]!)],
    [angles.cos, angles.sin, ...attention.masks],
  );
};

function decodeLayer(
  parameters: Parameters,
  x: tf.Tensor2D,
  batch: number,
  layer: number,
  angles: RotaryAngles,
  attention: Attention,
  config: Qwen2VLConfig,
): tf.Tensor2D {
  const of = (name: string) => parameters[`model.layers.${layer}.${name}`]!;
  const through = (name: string, x: tf.Tensor2D) => project(parameters, `model.layers.${layer}.${name}`, x);
  const { headSize, hiddenSize } = config;
  const before = rmsNorm(x, of('input_layernorm.weight'), config.rmsNormEps) as tf.Tensor2D;
  const headsOf = (name: string) => {
    const flat = through(`self_attn.${name}`, before);
    return tf.transpose(tf.reshape(flat, [batch, -1, flat.shape[1] / headSize, headSize]), [0, 2, 1, 3]) as tf.Tensor4D;
  };
  const queries = rotate(headsOf('q_proj'), angles.cos, angles.sin) as tf.Tensor4D;
  const keys = rotate(headsOf('k_proj'), angles.cos, angles.sin) as tf.Tensor4D;
  const heads = attention.attend(layer, queries, keys, headsOf('v_proj'), attention.masks);
  const mixed = tf.reshape(tf.transpose(heads, [0, 2, 1, 3]), [-1, hiddenSize]) as tf.Tensor2D;
  const attended = tf.add(x, through('self_attn.o_proj', mixed)) as tf.Tensor2D;

  const after = rmsNorm(attended, of('post_attention_layernorm.weight'), config.rmsNormEps) as tf.Tensor2D;
  const inner = swiGlu(through('mlp.gate_proj', after), through('mlp.up_proj', after));
  return tf.add(attended, through('mlp.down_proj', inner as tf.Tensor2D)) as tf.Tensor2D;
}

/**
 * Scores of queries against keys, grouped: the queries of one key-value head stand side by side, so that no key is copied.
 *
 * @param queries `[batch, heads, tokens, size]`
 * @param keys `[batch, keyValueHeads, seen, size]`
 * @returns `[batch, keyValueHeads, heads / keyValueHeads, tokens, seen]`, divided by sqrt(size)
 */
export function groupedScores(queries: tf.Tensor4D, keys: tf.Tensor4D): tf.Tensor5D {
  const [batch, heads, tokens, size] = queries.shape;
  const [, groups, seen] = keys.shape;
  const rows = tf.reshape(tf.mul(queries, 1 / Math.sqrt(size)), [batch, groups, (heads / groups) * tokens, size]);
  return tf.reshape(batchedProduct(rows, keys, true), [batch, groups, heads / groups, tokens, seen]) as tf.Tensor5D;
}

/** Attention shares `[batch, groups, heads / groups, tokens, seen]` times values `[batch, groups, seen, size]`, ungrouped. */
export function groupedMix(shares: tf.Tensor5D, values: tf.Tensor4D): tf.Tensor4D {
  const [batch, groups, each, tokens, seen] = shares.shape;
  const mixed = batchedProduct(tf.reshape(shares, [batch, groups, each * tokens, seen]), values);
  return tf.reshape(mixed, [batch, groups * each, tokens, values.shape[3]]) as tf.Tensor4D;
}

/**
 * Attention inside a batch of token rows, under the mask of their segments.
 *
 * @param segments int32 `[batch, tokens]`, see `segmentBias`
 */
export function segmentAttention(segments: tf.Tensor2D, keep?: KeepCache): Attention {
  const attend: Attention['attend'] = (layer, queries, keys, values, [bias]) => {
    keep?.(layer, keys, values);
    const shares = tf.softmax(tf.add(groupedScores(queries, keys), bias!));
    return groupedMix(shares as tf.Tensor5D, values);
  };
  return { masks: [segmentBias(segments)], attend };
}

/**
 * The attention mask of packed rows: a token sees earlier tokens of its own segment and of segment 0, the prefix that all
 * segments of a row share. Padding has segment -1 and is seen by none.
 *
 * @param segments int32 `[batch, tokens]`
 * @returns `[batch, 1, 1, tokens, tokens]`: 0 where query (axis 3) may see key (axis 4), else -1e9
 */
export function segmentBias(segments: tf.Tensor2D): tf.Tensor5D {
  const [batch, tokens] = segments.shape;
  const query = tf.expandDims(segments, 2);
  const key = tf.expandDims(segments, 1);
  const order = tf.range(0, tokens, 1, 'int32');
  const causal = tf.lessEqual(tf.expandDims(order, 0), tf.expandDims(order, 1));
  const related = tf.logicalOr(tf.equal(query, key), tf.equal(key, 0));
  const allowed = tf.logicalAnd(tf.logicalAnd(related, tf.greaterEqual(key, 0)), causal);
  const bias = tf.mul(tf.sub(1, tf.cast(allowed, 'float32')), FORBIDDEN);
  return tf.reshape(bias, [batch, 1, 1, tokens, tokens]) as tf.Tensor5D;
}
