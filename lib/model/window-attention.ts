/**
 * Attention within windows of patches, as in most blocks of Qwen2.5-VL's vision tower (Bai et al. 2025, section 2.1.1). An image is
 * cut into squares of `side` x `side` patches from its upper left corner, narrower at the right and lower edges, and a patch sees only
 * its own square.
 *
 * The patches are sorted by window first. A window then fills at most `side^2` places in a row, so that a run of as many places
 * needs to look no further than the runs beside it. So the work grows with the number of patches, not with its square.
 */
import * as tf from '@tensorflow/tfjs';
import { batchedProduct, takeRows, topK } from '../engine/operations.js';
import { FORBIDDEN } from './attention.js';
import { attendInChunks, chunkLength } from './chunked-attention.js';
import type { ImageBatch } from './tensors.js';

/** Queries, keys and values of patches, each `[images, heads, patches, size]`, to the weighted sums of the values, of the same shape. */
export type PatchAttention = (queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) => tf.Tensor;

/**
 * More than the windows of any image side by side: an image of 100 megapixels, one side 200 times the other, is 141,421 pixels
 * long, which is 1,263 windows of 112 pixels.
 */
const WIDEST = 4096;
/** The number of the window that holds an image's padding: above all others, and exact in float32. */
const PADDING_WINDOW = 2 ** 23;

/** A batch's images with their patches sorted by window. */
export interface SortedImages {
  images: ImageBatch;
  /** The number of each patch's window, `[images, patches]`, rising. */
  windows: tf.Tensor2D;
  /** Brings merged patches `[images x patches / merge^2, width]` back into the order in which the images came. */
  restore(merged: tf.Tensor2D): tf.Tensor2D;
}

/** Sorts patches by window. Patches that the merger joins stay side by side, and padding goes last. */
export function sortByWindow(images: ImageBatch, side: number, mergeSize: number): SortedImages {
  const [count, patches] = images.padding.shape;
  const joined = mergeSize ** 2;
  const cells = patches / joined;
  const windows = windowNumbers(images, side);
  // A side is a multiple of mergeSize, so patches that are joined lie in one window.
  const windowsOfCells = tf.slice(tf.reshape(windows, [count, cells, joined]), [0, 0, 0], [-1, -1, 1]);
  const order = sortedOrder(tf.reshape(windowsOfCells, [count, cells]) as tf.Tensor2D);
  const sort = (x: tf.Tensor): tf.Tensor => tf.reshape(takeCells(tf.cast(x, 'float32'), order), x.shape);
  return {
    images: {
      pixels: sort(images.pixels) as tf.Tensor3D,
      places: tf.cast(sort(images.places), 'int32') as tf.Tensor3D,
      padding: sort(images.padding) as tf.Tensor2D,
      ...(images.gridPlaces ? { gridPlaces: sort(images.gridPlaces) as tf.Tensor3D } : {}),
    },
    windows: sort(windows) as tf.Tensor2D,
    restore: (merged) => takeCells(merged, sortedOrder(tf.cast(order, 'float32') as tf.Tensor2D)),
  };
}

/** The number of each patch's window, `[images, patches]`: window row x `WIDEST` + window column. */
function windowNumbers({ places, padding }: ImageBatch, side: number): tf.Tensor2D {
  const [rows, columns] = tf.unstack(tf.floor(tf.div(tf.cast(places, 'float32'), side)), 2) as [tf.Tensor, tf.Tensor];
  const number = tf.add(tf.mul(rows, WIDEST), columns);
  return tf.where(tf.less(padding, 0), tf.fill(padding.shape, PADDING_WINDOW), number) as tf.Tensor2D;
}

/** The places of each row's entries, the smallest entry first, int32 `[rows, entries]`. */
function sortedOrder(x: tf.Tensor2D): tf.Tensor2D {
  return topK(tf.neg(x) as tf.Tensor2D, x.shape[1]).indices;
}

/** The cells of each image in a certain order, `[images x cells, numbers in a cell]`. x has images x cells x any numbers. */
function takeCells(x: tf.Tensor, order: tf.Tensor2D): tf.Tensor2D {
  const [count, cells] = order.shape;
  const first = tf.expandDims(tf.range(0, count * cells, cells, 'int32'), 1);
  const index = tf.reshape(tf.add(order, first), [-1]) as tf.Tensor1D;
  return takeRows(tf.reshape(x, [count * cells, -1]) as tf.Tensor2D, index);
}

/**
 * Attention of every patch of an image to all of them.
 *
 * @param padding 0, or -1e9 for padding, `[images, patches]`
 */
export function wholeAttention(padding: tf.Tensor2D): PatchAttention {
  const [count, patches] = padding.shape;
  const attend = attentionWith(tf.reshape(padding, [count, 1, 1, patches]));
  return (queries, keys, values) => {
    const chunk = chunkLength(queries.shape, patches);
    if (chunk === undefined) return attend(queries, keys, values);
    return attendInChunks(queries, keys, values, tf.reshape(padding, [count, 1, 1, 1, patches]), chunk);
  };
}

/**
 * Attention within windows.
 *
 * @param windows the number of each patch's window, `[images, patches]`, sorted
 * @param area patches of a whole window
 */
export function windowAttention(windows: tf.Tensor2D, area: number): PatchAttention {
  const [count, patches] = windows.shape;
  if (patches <= 3 * area) return attentionWith(tf.expandDims(biasOfUnlike(windows, windows), 1));
  const runs = Math.ceil(patches / area);
  const missing = runs * area - patches;
  /** `[.., patches, ..]` along an axis, to runs of a window's area: `[.., runs, area, ..]`. */
  const cut = (x: tf.Tensor, axis: number): tf.Tensor =>
    tf.reshape(x, [...x.shape.slice(0, axis), -1, area, ...x.shape.slice(axis + 1)]);
  const inRuns = (x: tf.Tensor, axis: number, fill = 0) => cut(padded(x, axis, 0, missing, fill), axis);
  /** Each run with the one before and the one behind it: `[.., runs, 3 x area, ..]`. */
  const withNeighbours = (x: tf.Tensor, axis: number, fill = 0): tf.Tensor => {
    const wide = cut(padded(x, axis, area, missing + area, fill), axis);
    const runsFrom = (run: number) => tf.slice(wide, startAt(axis, run), [...wide.shape.slice(0, axis), runs]);
    return tf.concat([runsFrom(0), runsFrom(1), runsFrom(2)], axis + 1);
  };
  // No window has the number -1 or -2, so that nobody looks at the padding of the runs.
  const bias = biasOfUnlike(inRuns(windows, 1, -2), withNeighbours(windows, 1, -1));
  const attend = attentionWith(tf.expandDims(bias, 1));
  return (queries, keys, values) => {
    const attended = attend(inRuns(queries, 2), withNeighbours(keys, 2), withNeighbours(values, 2));
    const [, heads, , size] = queries.shape as [number, number, number, number];
    return tf.slice(tf.reshape(attended, [count, heads, runs * area, size]), [0, 0, 0, 0], [-1, -1, patches, -1]);
  };
}

/** `[.., n]` and `[.., m]` to `[.., n, m]`: 0 where the numbers are equal, else -1e9. */
function biasOfUnlike(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const differ = tf.notEqual(tf.expandDims(a, -1), tf.expandDims(b, b.rank - 1));
  return tf.mul(tf.cast(differ, 'float32'), FORBIDDEN);
}

/** Adds `before` and `behind` places along an axis. */
function padded(x: tf.Tensor, axis: number, before: number, behind: number, fill: number): tf.Tensor {
  return tf.pad(
    x,
    x.shape.map((_, i) => (i === axis ? [before, behind] : [0, 0])),
    fill,
  );
}

/** The start of a slice: `place` on an axis, 0 on those before it. */
function startAt(axis: number, place: number): number[] {
  return [...Array<number>(axis).fill(0), place];
}

/** Attention with a bias: softmax(q k^T / sqrt(size) + bias) v over the last two axes. */
function attentionWith(bias: tf.Tensor): PatchAttention {
  return (queries, keys, values) => {
    const scores = batchedProduct(queries, keys, true);
    const scale = 1 / Math.sqrt(queries.shape.at(-1)!);
    return batchedProduct(tf.softmax(tf.add(tf.mul(scores, scale), bias)), values);
  };
}
