/** Types that several files of the model share. This file imports none of them, so that imports never run in a circle. */
import type * as tf from '@tensorflow/tfjs';
import type { Weight } from '../engine/packed.js';

/**
 * A model's weights by their published names, such as `model.layers.0.mlp.up_proj.weight`. The matrices of adapters stand among
 * them (see `projection.ts`), so that the model is a function of this map and a batch. A weight
 * that no step trains may be packed, in bfloat16.
 */
export type ModelWeights = { readonly [name: string]: Weight };

/** The same map where its weights may be added, replaced and removed, as loading, training and adapters do. */
export type MutableWeights = { [name: string]: Weight };

/** Patches of one image along time, height and width, before merging. */
export type ImageGrid = [number, number, number];

/** An image as the image processor gives it, on the host. */
export interface ProcessedImage {
  /** `[patches, channels x temporal x patch x patch]`, row after row, in merge-window order (see `patchPlaces`). */
  pixelValues: Float32Array;
  grid: ImageGrid;
}

/** The images of a batch, in rows of one length. A row holds one image or several, and padding behind them (see `patch-packing.ts`). */
export type ImageBatch = {
  /** `[rows, patches, channels x temporal x patch x patch]`, each image in merge-window order; padding is zero. */
  pixels: tf.Tensor3D;
  /** Row and column of each patch in its image, int32 `[rows, patches, 2]`. */
  places: tf.Tensor3D;
  /** 0 for a patch, -1e9 for padding, `[rows, patches]`: added to the attention scores. */
  padding: tf.Tensor2D;
  /** Present where the tower has learned positions: each patch's place on their grid (see `placeOnGrid`), `[rows, patches, 2]`. */
  gridPlaces?: tf.Tensor3D;
  /** The number of the image that a patch belongs to, -1 for padding, int32 `[rows, patches]`; absent where no row holds two images. */
  owners?: tf.Tensor2D;
  /** The number of each patch's window, `[rows, patches]`, of no two images in a row the same; absent from towers without windows. */
  windows?: tf.Tensor2D;
};

/** Token rows of one length with their images; `collate` makes them. */
export type TokenBatch = {
  /** int32 `[batch, tokens]`. */
  tokens: tf.Tensor2D;
  /** M-RoPE ids, int32 `[3, batch, tokens]`. */
  positions: tf.Tensor3D;
  /** 0 for the shared prefix, 1 and up for segments that do not see each other, -1 for padding; int32 `[batch, tokens]`. */
  segments: tf.Tensor2D;
  /**
   * Present where the rows are laid out in blocks (see `blockAttention`): the segments of the tokens behind the prefix, int32
   * `[batch, blocks, size]`; `segments` is then the prefix's alone, `[batch, prefix]`.
   */
  blocks?: tf.Tensor3D;
  /** For each token the number of its visual token, counted over all images of the batch; -1 for text. int32 `[batch, tokens]`. */
  visual: tf.Tensor2D;
  /** Absent from a batch without images. */
  images?: ImageBatch;
};
