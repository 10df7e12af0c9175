/** The vision towers of Qwen2-VL and Qwen2.5-VL: patches to visual tokens in the decoder's width. */
import * as tf from '@tensorflow/tfjs';
import { gelu, layerNorm, linear, quickGelu, rmsNorm, rotate, swiGlu } from '../engine/operations.js';
import type { VisionConfig } from './configuration.js';
import type { ImageGrid } from './mrope.js';
import { project } from './projection.js';
import { type PatchAttention, sortByWindow, wholeAttention, windowAttention } from './window-attention.js';

/** Parameters by checkpoint name. */
export type Parameters = { readonly [name: string]: tf.Tensor };

/** The images of a batch, all padded to the same number of patches. */
export interface ImageBatch {
  /** `[images, patches, channels x temporal x patch x patch]`, in merge-window order; padding is zero. */
  pixels: tf.Tensor3D;
  /** Row and column of each patch in its image, int32 `[images, patches, 2]`. */
  places: tf.Tensor3D;
  /** 0 for a patch, -1e9 for padding, `[images, patches]`: added to the attention scores. */
  padding: tf.Tensor2D;
}

/** The constant of the norms in the vision tower. */
const EPS = 1e-6;

/** Row and column of each patch of an image, in merge-window order: windows row by row, then the patches inside one. */
export function patchPlaces([t, h, w]: ImageGrid, mergeSize: number): [number, number][] {
  const places: [number, number][] = [];
  for (let frame = 0; frame < t; frame++) {
    for (let row = 0; row < h; row += mergeSize) {
      for (let column = 0; column < w; column += mergeSize) {
        for (let i = 0; i < mergeSize; i++) for (let j = 0; j < mergeSize; j++) places.push([row + i, column + j]);
      }
    }
  }
  return places;
}

/**
 * Encodes images to visual tokens.
 *
 * @returns `[images x patches / merge^2, hidden]`, padding tokens included
 */
export function encodeImages(parameters: Parameters, images: ImageBatch, config: VisionConfig): tf.Tensor2D {
  if (!config.windows) {
    const whole = wholeAttention(images.padding);
    return encodePatches(parameters, images, () => whole, config);
  }
  const { side, wholeBlocks } = config.windows;
  const sorted = sortByWindow(images, side, config);
  const whole = wholeAttention(sorted.images.padding);
  const inWindow = windowAttention(sorted.windows, side ** 2);
  const attention = (block: number) => (wholeBlocks.includes(block) ? whole : inWindow);
  return sorted.restore(encodePatches(parameters, sorted.images, attention, config));
}

/** The tower on patches in any order that keeps those together which are merged. */
function encodePatches(
  parameters: Parameters,
  images: ImageBatch,
  attention: (block: number) => PatchAttention,
  config: VisionConfig,
): tf.Tensor2D {
  const [count, , patchWidth] = images.pixels.shape;
  const weight = tf.reshape(parameters['visual.patch_embed.proj.weight']!, [config.embedSize, patchWidth]);
  let x: tf.Tensor2D = linear(tf.reshape(images.pixels, [-1, patchWidth]), weight);
  const angles = patchAngles(images.places, config);
  for (let i = 0; i < config.layers; i++) {
    const block = `visual.blocks.${i}`;
    const through: Through = (name, x) => project(parameters, `${block}.${name}`, x as tf.Tensor2D);
    const normed = normalise(parameters, `${block}.norm1`, x);
    x = tf.add(x, attend(normed, through, angles, attention(i), count, config));
    x = tf.add(x, feedForward(normalise(parameters, `${block}.norm2`, x), through, config));
  }
  return mergePatches(parameters, x, config);
}

/** Layer normalisation, or where the norm has no bias, as in Qwen2.5-VL, root-mean-square normalisation. */
function normalise(parameters: Parameters, norm: string, x: tf.Tensor): tf.Tensor {
  const [weight, bias] = [parameters[`${norm}.weight`]!, parameters[`${norm}.bias`]];
  return bias ? layerNorm(x, weight, bias, EPS) : rmsNorm(x, weight, EPS);
}

/** A block's perceptron: two maps around a GELU in Qwen2-VL, SwiGLU in Qwen2.5-VL. */
function feedForward(x: tf.Tensor, through: Through, { family }: VisionConfig): tf.Tensor2D {
  if (family === 'qwen2_5_vl')
    return through('mlp.down_proj', swiGlu(through('mlp.gate_proj', x), through('mlp.up_proj', x)));
  return through('mlp.fc2', quickGelu(through('mlp.fc1', x)));
}

/** The 2 x 2 merger: neighbouring patches side by side, through a two-layer perceptron, to the decoder's width. */
function mergePatches(parameters: Parameters, x: tf.Tensor2D, config: VisionConfig): tf.Tensor2D {
  const merged = config.embedSize * config.mergeSize ** 2;
  const windows = tf.reshape(normalise(parameters, 'visual.merger.ln_q', x), [-1, merged]) as tf.Tensor2D;
  const inner = gelu(project(parameters, 'visual.merger.mlp.0', windows));
  return project(parameters, 'visual.merger.mlp.2', inner as tf.Tensor2D);
}

/** A block's linear map by its name. */
type Through = (name: string, x: tf.Tensor) => tf.Tensor2D;

/** Attention among the patches of one image. x is `[images x patches, embed]`. */
function attend(
  x: tf.Tensor,
  through: Through,
  angles: { cos: tf.Tensor; sin: tf.Tensor },
  attention: PatchAttention,
  count: number,
  config: VisionConfig,
): tf.Tensor {
  const { heads, embedSize } = config;
  const size = embedSize / heads;
  const qkv = through('attn.qkv', x);
  const split = tf.transpose(tf.reshape(qkv, [count, -1, 3, heads, size]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(split) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const ofHeads = attention(rotate(q, angles.cos, angles.sin), rotate(k, angles.cos, angles.sin), v);
  const mixed = tf.reshape(tf.transpose(ofHeads, [0, 2, 1, 3]), [-1, embedSize]);
  return through('attn.proj', mixed);
}

/** 2-D rotary angles: the first half of the frequencies follows the row, the second the column; theta is 10,000. */
function patchAngles(places: tf.Tensor3D, config: VisionConfig): { cos: tf.Tensor; sin: tf.Tensor } {
  const quarter = config.embedSize / config.heads / 4;
  const frequencies = tf.tensor1d(Array.from({ length: quarter }, (_, i) => 10000 ** (-i / quarter)));
  const [images, patches] = places.shape;
  const angles = tf.mul(tf.expandDims(tf.cast(places, 'float32'), 3), frequencies);
  const flat = tf.reshape(angles, [images, 1, patches, 2 * quarter]);
  return { cos: tf.cos(flat), sin: tf.sin(flat) };
}
