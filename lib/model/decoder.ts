/** The decoder of Qwen2 and Qwen3: grouped-query attention with M-RoPE, SwiGLU, root-mean-square norms. */
import * as tf from '@tensorflow/tfjs';
import { swiGlu } from '../engine/activations.js';
import { checkpointed } from '../engine/checkpoint.js';
import { rmsNorm, rotate } from '../engine/operations.js';
import { mapTensor, tensorOf } from '../engine/packed.js';
import type { Attention } from './attention.js';
import type { ModelConfig } from './configuration.js';
import { decoderLayer, finalNorm, layerPrefix, type Module, normOf } from './modules.js';
import type { RotaryAngles } from './mrope.js';
import { DROPOUT_SEED, project } from './projection.js';
import type { ModelWeights } from './tensors.js';

/**
 * Runs all layers and the final norm.
 *
 * @param x token embeddings `[batch x tokens, hidden]`
 * @param deepStack what is added to the hidden states behind the first layers, one tensor a layer, `[batch x tokens, hidden]`
 * @param batch number of rows
 * @param checkpoint the backward pass computes each layer again instead of keeping its intermediate tensors
 * @returns `[batch x tokens, hidden]`
 */
export function decode(
  parameters: ModelWeights,
  x: tf.Tensor2D,
  deepStack: readonly tf.Tensor2D[],
  batch: number,
  angles: RotaryAngles,
  attention: Attention,
  config: ModelConfig,
  checkpoint = false,
): tf.Tensor2D {
  const runLayer = checkpoint ? decodeLayerAgain : decodeLayer;
  let hidden: tf.Tensor2D = x;
  for (let i = 0; i < config.layers; i++) {
    hidden = runLayer(parameters, hidden, batch, i, angles, attention, config);
    if (deepStack[i]) hidden = tf.add(hidden, deepStack[i]!);
  }
  return rmsNorm(hidden, normOf(parameters, finalNorm(config)), config.rmsNormEps) as tf.Tensor2D;
}

/** A layer under gradient checkpointing. */
const decodeLayerAgain: typeof decodeLayer = (parameters, x, batch, layer, angles, attention, config) => {
  const names = Object.keys(parameters).filter((name) => name.startsWith(layerPrefix(layer)));
  const seed = parameters[DROPOUT_SEED];
  return checkpointed(
    ([x, ...tensors], [cos, sin, ...rest]) => {
      const masks = rest.slice(0, attention.masks.length);
      const sameSeed = rest[attention.masks.length];
      const layerWeights = {
        ...Object.fromEntries(names.map((name, i) => [name, mapTensor(parameters[name]!, () => tensors[i]!)])),
        ...(sameSeed && { [DROPOUT_SEED]: sameSeed }),
      };
      const sameAttention = { ...attention, masks };
      const sameAngles = { cos: cos!, sin: sin! };
      return decodeLayer(layerWeights, x as tf.Tensor2D, batch, layer, sameAngles, sameAttention, config);
    },
    [x, ...names.map((name) => tensorOf(parameters[name]!))],
    [angles.cos, angles.sin, ...attention.masks, ...(seed ? [tensorOf(seed)] : [])],
  );
};

function decodeLayer(
  parameters: ModelWeights,
  x: tf.Tensor2D,
  batch: number,
  layer: number,
  angles: RotaryAngles,
  attention: Attention,
  config: ModelConfig,
): tf.Tensor2D {
  const modules = decoderLayer(config, layer);
  const { heads, headSize, rmsNormEps } = config;
  const map = (module: Module, x: tf.Tensor) => project(parameters, module, x as tf.Tensor2D);
  const norm = (module: Module, x: tf.Tensor) => rmsNorm(x, normOf(parameters, module), rmsNormEps);
  const splitHeads = (x: tf.Tensor2D) =>
    tf.transpose(tf.reshape(x, [batch, -1, x.shape[1] / headSize, headSize]), [0, 2, 1, 3]) as tf.Tensor4D;

  const normed = norm(modules.attentionNorm, x);
  const rotatedHeads = (module: Module, headNorm: Module | undefined) => {
    const heads = splitHeads(map(module, normed));
    return rotate(headNorm ? norm(headNorm, heads) : heads, angles.cos, angles.sin) as tf.Tensor4D;
  };
  const queries = rotatedHeads(modules.queries, modules.headNorms?.queries);
  const keys = rotatedHeads(modules.keys, modules.headNorms?.keys);
  const values = splitHeads(map(modules.values, normed));
  const attended = attention.attend(layer, queries, keys, values, attention.masks);
  const mergedHeads = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [-1, heads * headSize]);
  const afterAttention = tf.add(x, map(modules.output, mergedHeads));

  const normedAgain = norm(modules.perceptronNorm, afterAttention);
  const inner = swiGlu(map(modules.gate, normedAgain), map(modules.up, normedAgain));
  return tf.add(afterAttention, map(modules.down, inner)) as tf.Tensor2D;
}
