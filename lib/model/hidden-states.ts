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
import { weightsOfPart } from './projection.js';
import type { ImageBatch, ModelWeights, TokenBatch } from './tensors.js';
import { type EncodedImages, encodeImages } from './vision.js';

/** What the decoder takes in, each tensor `[batch x tokens, hidden]`. */
interface Embedded {
  /** Token embeddings, with visual tokens in the places of image tokens. */
  x: tf.Tensor2D;
  /** What is added behind the first layers: DeepStack's features in the places of image tokens, and 0 elsewhere. */
  deepStack: tf.Tensor2D[];
}

function embed(parameters: ModelWeights, batch: TokenBatch, config: ModelConfig): Embedded {
  const table = weightOf(parameters, tokenEmbedding(config));
  const text = takeRows(table, tf.reshape(batch.tokens, [-1]));
  if (!batch.images) return { x: text, deepStack: [] };
  const { tokens, deepStack } = encodeInParts(parameters, batch.images, config);
  const index = tf.reshape(batch.visual, [-1]) as tf.Tensor1D;
  const inTheirPlaces = (visual: tf.Tensor2D) => {
    // Places of text take row 0, the zero vector.
    const shelf = tf.concat([tf.zeros([1, config.hiddenSize]), visual], 0) as tf.Tensor2D;
    return takeRows(shelf, tf.add(index, tf.scalar(1, 'int32')));
  };
  const isText = tf.expandDims(tf.cast(tf.less(index, 0), 'float32'), 1);
  return { x: tf.add(tf.mul(text, isText), inTheirPlaces(tokens)), deepStack: deepStack.map(inTheirPlaces) };
}

/** Encodes all images. Their rows are cut into parts, which are encoded side by side. */
function encodeInParts(parameters: ModelWeights, images: ImageBatch, config: ModelConfig): EncodedImages {
  const sizes = evenParts(images.pixels.shape[0], shardCount());
  const tensors = Object.entries(images).map(([name, tensor]) => [name, cut(tensor, sizes)] as const);
  const parts = sizes.map((_, i) => {
    const part = Object.fromEntries(tensors.map(([name, cuts]) => [name, cuts[i]])) as ImageBatch;
    return encodeImages(weightsOfPart(parameters, i), part, config.vision);
  });
  const join = (tensors: tf.Tensor2D[]) => tf.concat(tensors, 0) as tf.Tensor2D;
  return {
    tokens: join(parts.map(({ tokens }) => tokens)),
    deepStack: config.vision.deepStack.map((_, k) => join(parts.map(({ deepStack }) => deepStack[k]!))),
  };
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
  const { x, deepStack } = embed(parameters, batch, config);
  const [rows, tokens] = batch.tokens.shape;
  const sizes = keep ? [rows] : evenParts(rows, shardCount());
  const tokensOf = sizes.map((size) => size * tokens);
  const parts = {
    x: cut(x, tokensOf) as tf.Tensor2D[],
    deepStack: deepStack.map((features) => cut(features, tokensOf) as tf.Tensor2D[]),
    positions: cut(batch.positions, sizes, 1) as tf.Tensor3D[],
    segments: cut(batch.segments, sizes) as tf.Tensor2D[],
    blocks: batch.blocks && (cut(batch.blocks, sizes) as tf.Tensor3D[]),
  };
  const hidden = sizes.map((size, i) => {
    const attention = parts.blocks
      ? blockAttention(parts.segments[i]!, parts.blocks[i]!, config.heads / config.keyValueHeads)
      : segmentAttention(parts.segments[i]!, keep);
    const angles = mropeAngles(parts.positions[i]!, config);
    const added = parts.deepStack.map((features) => features[i]!);
    return decode(weightsOfPart(parameters, i), parts.x[i]!, added, size, angles, attention, config, checkpoint);
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
