/** The model's forward pass as a pure function of parameters and batch: embeddings, visual tokens in their places, hidden states. */
import * as tf from '@tensorflow/tfjs';
import { shardCount } from '../engine/backend.js';
import { takeRows } from '../engine/operations.js';
import { type KeepCache, segmentAttention } from './attention.js';
import { blockAttention } from './block-attention.js';
import type { ModelConfig } from './configuration.js';
import { decode } from './decoder.js';
import { tokenEmbedding, weightOf } from './modules.js';
import { mropeAngles } from './mrope.js';
import type { ImageBatch, ModelWeights, TokenBatch } from './tensors.js';
import { encodeImages } from './vision.js';

/** Token embeddings, with visual tokens in the places of image tokens, `[batch x tokens, hidden]`. */
function embed(parameters: ModelWeights, batch: TokenBatch, config: ModelConfig): tf.Tensor2D {
  const table = weightOf(parameters, tokenEmbedding(config));
  const text = takeRows(table, tf.reshape(batch.tokens, [-1]));
  if (!batch.images) return text;
  const visual = encodeInParts(parameters, batch.images, config);
  // Places of text take row 0, the zero vector.
  const shelf = tf.concat([tf.zeros([1, config.hiddenSize]), visual], 0) as tf.Tensor2D;
  const index = tf.reshape(batch.visual, [-1]) as tf.Tensor1D;
  const isText = tf.expandDims(tf.cast(tf.less(index, 0), 'float32'), 1);
  return tf.add(tf.mul(text, isText), takeRows(shelf, tf.add(index, tf.scalar(1, 'int32'))));
}

/** Visual tokens of all images, `[images x patches / merge^2, hidden]`. The images are cut into parts, which are encoded side by side. */
function encodeInParts(parameters: ModelWeights, images: ImageBatch, config: ModelConfig): tf.Tensor2D {
  const sizes = evenParts(images.pixels.shape[0], shardCount());
  const pixels = cut(images.pixels, sizes) as tf.Tensor3D[];
  const places = cut(images.places, sizes) as tf.Tensor3D[];
  const padding = cut(images.padding, sizes) as tf.Tensor2D[];
  const parts = sizes.map((_, i) =>
    encodeImages(parameters, { pixels: pixels[i]!, places: places[i]!, padding: padding[i]! }, config.vision),
  );
  return tf.concat(parts, 0) as tf.Tensor2D;
}

/**
 * Hidden states after the final norm, `[batch x tokens, hidden]`. The rows are cut into parts, which compute side by side (see
 * `shardCount`), unless `keep` asks for each layer's keys and values.
 *
 * @param options.keep called with each layer's keys and values, for a cache
 * @param options.checkpoint the backward pass computes each layer again (see `checkpointed`); default false
 */
export function hiddenStates(
  parameters: ModelWeights,
  batch: TokenBatch,
  config: ModelConfig,
  options: { keep?: KeepCache; checkpoint?: boolean } = {},
): tf.Tensor2D {
  const { keep, checkpoint } = options;
  const x = embed(parameters, batch, config);
  const [rows, tokens] = batch.tokens.shape;
  const sizes = keep ? [rows] : evenParts(rows, shardCount());
  const parts = {
    x: cut(
      x,
      sizes.map((size) => size * tokens),
    ) as tf.Tensor2D[],
    positions: cut(batch.positions, sizes, 1) as tf.Tensor3D[],
    segments: cut(batch.segments, sizes) as tf.Tensor2D[],
    blocks: batch.blocks && (cut(batch.blocks, sizes) as tf.Tensor3D[]),
  };
  const hidden = sizes.map((size, i) => {
    const attention = parts.blocks
      ? blockAttention(parts.segments[i]!, parts.blocks[i]!, config.heads / config.keyValueHeads)
      : segmentAttention(parts.segments[i]!, keep);
    const angles = mropeAngles(parts.positions[i]!, config);
    return decode(parameters, parts.x[i]!, size, angles, attention, config, checkpoint);
  });
  return tf.concat(hidden, 0) as tf.Tensor2D;
}

/** `tf.split`, which returns nothing for a single part. */
function cut(x: tf.Tensor, sizes: readonly number[], axis = 0): tf.Tensor[] {
  return sizes.length === 1 ? [x] : tf.split(x, [...sizes], axis);
}

/** A count cut into at most `parts` parts that differ by at most 1. */
function evenParts(count: number, parts: number): number[] {
  const cuts = Math.max(1, Math.min(parts, count));
  return Array.from({ length: cuts }, (_, i) => Math.floor(((i + 1) * count) / cuts) - Math.floor((i * count) / cuts));
}
