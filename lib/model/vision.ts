/** The vision tower of Qwen2-VL: patches to visual tokens in the decoder's width. */
import * as tf from '@tensorflow/tfjs';
import { gelu, layerNorm, linear, quickGelu, rotate } from '../engine/operations.js';
import type { VisionConfig } from './configuration.js';
import type { ImageGrid } from './mrope.js';
import { project } from './projection.js';

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

/** The constant of LayerNorm in the vision tower. */
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
  const [count, patches, patchWidth] = images.pixels.shape;
  const weight = tf.reshape(parameters['visual.patch_embed.proj.weight']!, [config.embedSize, patchWidth]);
  let x: tf.Tensor = linear(tf.reshape(images.pixels, [-1, patchWidth]), weight);
  const angles = patchAngles(images.places, config);
  const bias = tf.reshape(images.padding, [count, 1, 1, patches]);
  for (let i = 0; i < config.layers; i++) {
    const of = (name: string) => parameters[`visual.blocks.${i}.${name}`]!;
    const through: Through = (name, x) => project(parameters, `visual.blocks.${i}.${name}`, x as tf.Tensor2D);
    const normed = layerNorm(x, of('norm1.weight'), of('norm1.bias'), EPS);
    x = tf.add(x, attend(normed, through, angles, bias, count, config));
    const inner = through('mlp.fc1', layerNorm(x, of('norm2.weight'), of('norm2.bias'), EPS));
    x = tf.add(x, through('mlp.fc2', quickGelu(inner)));
  }
  return mergePatches(parameters, x as tf.Tensor2D, config);
}

/** The 2 x 2 merger: neighbouring patches side by side, through a two-layer perceptron, to the decoder's width. */
function mergePatches(parameters: Parameters, x: tf.Tensor2D, config: VisionConfig): tf.Tensor2D {
  const of = (name: string) => parameters[`visual.merger.${name}`]!;
  const merged = config.embedSize * config.mergeSize ** 2;
  const windows = tf.reshape(layerNorm(x, of('ln_q.weight'), of('ln_q.bias'), EPS), [-1, merged]) as tf.Tensor2D;
  const inner = gelu(project(parameters, 'visual.merger.mlp.0', windows));
  return project(parameters, 'visual.merger.mlp.2', inner as tf.Tensor2D);
}

/** A block's linear map by its name. */
type Through = (name: string, x: tf.Tensor) => tf.Tensor2D;

/** Full attention among the patches of one image. x is `[images x patches, embed]`. */
function attend(
  x: tf.Tensor,
  through: Through,
  angles: { cos: tf.Tensor; sin: tf.Tensor },
  bias: tf.Tensor,
  count: number,
  config: VisionConfig,
): tf.Tensor {
  const { heads, embedSize } = config;
  const size = embedSize / heads;
  const qkv = through('attn.qkv', x);
  const split = tf.transpose(tf.reshape(qkv, [count, -1, 3, heads, size]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(split) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const scores = tf.matMul(rotate(q, angles.cos, angles.sin), rotate(k, angles.cos, angles.sin), false, true);
  const shares = tf.softmax(tf.add(tf.mul(scores, 1 / Math.sqrt(size)), bias));
  const mixed = tf.reshape(tf.transpose(tf.matMul(shares, v), [0, 2, 1, 3]), [-1, embedSize]);
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
