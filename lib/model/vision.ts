/** The vision towers of all families: from patches to visual tokens in the decoder's width. */
import * as tf from '@tensorflow/tfjs';
import { gelu, quickGelu, swiGlu, tanhGelu } from '../engine/activations.js';
import { layerNorm, linear, rmsNorm, rotate } from '../engine/operations.js';
import { mapTensor } from '../engine/packed.js';
import type { VisionConfig } from './architecture.js';
import {
  biasOf,
  deepStackMergers,
  type Merger,
  type Module,
  normOf,
  patchEmbedding,
  patchMerger,
  visionBlock,
  weightOf,
} from './modules.js';
import { project } from './projection.js';
import type { ImageBatch, ModelWeights } from './tensors.js';
import { patchPositions } from './vision-positions.js';
import { imageAttention, type PatchAttention, sortByWindow, windowAttention } from './window-attention.js';

/** The constant of the norms in the vision tower. */
const EPS = 1e-6;

/** The base of the rotary frequencies in the vision tower. */
const THETA = 10_000;

/** What the decoder is given of images, each tensor `[rows x patches / merge^2, hidden]`, padding tokens included. */
export interface EncodedImages {
  /** The visual tokens. */
  tokens: tf.Tensor2D;
  /** The features of the blocks of `config.deepStack`, in their order. */
  deepStack: tf.Tensor2D[];
}

/** Encodes images to visual tokens. */
export function encodeImages(parameters: ModelWeights, images: ImageBatch, config: VisionConfig): EncodedImages {
  if (!config.windows) {
    const whole = imageAttention(images);
    return encodePatches(parameters, images, () => whole, config);
  }
  const { side, wholeBlocks } = config.windows;
  const sorted = sortByWindow(images, config.mergeSize);
  const whole = imageAttention(sorted.images);
  const inWindow = windowAttention(sorted.images.windows!, side ** 2);
  const attentionOfBlock = (block: number) => (wholeBlocks.includes(block) ? whole : inWindow);
  const { tokens, deepStack } = encodePatches(parameters, sorted.images, attentionOfBlock, config);
  return { tokens: sorted.restore(tokens), deepStack: deepStack.map(sorted.restore) };
}

/** The tower on patches in any order in which those that are merged stand together. */
function encodePatches(
  parameters: ModelWeights,
  images: ImageBatch,
  attentionOfBlock: (block: number) => PatchAttention,
  config: VisionConfig,
): EncodedImages {
  const [count, , patchWidth] = images.pixels.shape;
  const kernel = weightOf(parameters, patchEmbedding(config));
  const weight = mapTensor(kernel, (tensor) => tf.reshape(tensor, [config.embedSize, -1]));
  const bias = biasOf(parameters, patchEmbedding(config));
  let x: tf.Tensor2D = linear(tf.reshape(images.pixels, [-1, patchWidth]), weight, bias);
  if (images.gridPlaces) x = tf.add(x, patchPositions(parameters, images.gridPlaces, config));
  const angles = patchAngles(images.places, config);
  const map: ApplyMap = (module, x) => project(parameters, module, x as tf.Tensor2D);
  const mergers = deepStackMergers(config);
  const deepStack: tf.Tensor2D[] = [];
  for (let i = 0; i < config.layers; i++) {
    const block = visionBlock(config, i);
    const normed = normalise(parameters, block.attentionNorm, x);
    x = tf.add(x, attend(normed, block, map, angles, attentionOfBlock(i), count, config));
    x = tf.add(x, feedForward(normalise(parameters, block.perceptronNorm, x), block.perceptron, map));
    if (config.deepStack.includes(i)) deepStack.push(mergePatches(parameters, x, mergers[deepStack.length]!, config));
  }
  return { tokens: mergePatches(parameters, x, patchMerger(config), config), deepStack };
}

/** A linear map applied to `[rows, in]`. */
type ApplyMap = (module: Module, x: tf.Tensor) => tf.Tensor2D;

type VisionBlock = ReturnType<typeof visionBlock>;

/** Layer normalisation where the norm has a bias, else root-mean-square normalisation. */
function normalise(parameters: ModelWeights, norm: Module, x: tf.Tensor): tf.Tensor {
  const [weight, bias] = [normOf(parameters, norm), biasOf(parameters, norm)];
  return bias ? layerNorm(x, weight, bias, EPS) : rmsNorm(x, weight, EPS);
}

/** A block's perceptron. */
function feedForward(x: tf.Tensor, perceptron: VisionBlock['perceptron'], map: ApplyMap): tf.Tensor2D {
  if (perceptron.kind === 'swiGlu') return map(perceptron.down, swiGlu(map(perceptron.gate, x), map(perceptron.up, x)));
  const activate = perceptron.kind === 'quickGelu' ? quickGelu : tanhGelu;
  return map(perceptron.outward, activate(map(perceptron.inward, x)));
}

/** A merger: `mergeSize` x `mergeSize` patches side by side, through a two-layer perceptron, to the decoder's width. */
function mergePatches(parameters: ModelWeights, x: tf.Tensor2D, merger: Merger, config: VisionConfig): tf.Tensor2D {
  const merged = config.embedSize * config.mergeSize ** 2;
  const normed = normalise(parameters, merger.norm, tf.reshape(x, [-1, merger.norm.weight[0]!]));
  const windows = tf.reshape(normed, [-1, merged]) as tf.Tensor2D;
  const inner = gelu(project(parameters, merger.inward, windows));
  return project(parameters, merger.outward, inner as tf.Tensor2D);
}

/** Attention among the patches of each image. x is `[rows x patches, embed]`. */
function attend(
  x: tf.Tensor,
  block: VisionBlock,
  map: ApplyMap,
  angles: { cos: tf.Tensor; sin: tf.Tensor },
  attention: PatchAttention,
  rows: number,
  config: VisionConfig,
): tf.Tensor {
  const { heads, embedSize } = config;
  const headSize = embedSize / heads;
  const qkv = map(block.queriesKeysValues, x);
  const split = tf.transpose(tf.reshape(qkv, [rows, -1, 3, heads, headSize]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(split) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const attended = attention(rotate(q, angles.cos, angles.sin), rotate(k, angles.cos, angles.sin), v);
  return map(block.output, tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [-1, embedSize]));
}

/** 2-D rotary angles, `[rows, 1, patches, headSize / 2]`: the first half of the frequencies follows the row, the second the column. */
function patchAngles(places: tf.Tensor3D, config: VisionConfig): { cos: tf.Tensor; sin: tf.Tensor } {
  const quarter = config.embedSize / config.heads / 4;
  const frequencies = tf.tensor1d(Array.from({ length: quarter }, (_, i) => THETA ** (-i / quarter)));
  const [rows, patches] = places.shape;
  const angles = tf.mul(tf.expandDims(tf.cast(places, 'float32'), 3), frequencies);
  const flat = tf.reshape(angles, [rows, 1, patches, 2 * quarter]);
  return { cos: tf.cos(flat), sin: tf.sin(flat) };
}
