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
import { attendInChunks, chunkLength, type ScoreBias, tensorBias } from './chunked-attention.js';
import type { ImageBatch } from './tensors.js';

/** Queries, keys and values of patches, each `[rows, heads, patches, size]`, to the weighted sums of the values, of the same shape. */
export type PatchAttention = (queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) => tf.Tensor;

/** The number of the window that holds a row's padding: above all others, and exact in float32. */
export const PADDING_WINDOW = 2 ** 23;

/** A batch's images with their patches sorted by window. */
export interface SortedImages {
  images: ImageBatch;
  /** Brings merged patches `[rows x patches / merge^2, width]` back into the order in which the images came. */
  restore(merged: tf.Tensor2D): tf.Tensor2D;
}

/** Sorts patches by window. Patches that the merger joins stay side by side, as do those of an image, and padding goes last. */
export function sortByWindow(images: ImageBatch, mergeSize: number): SortedImages {
  const [rows, patches] = images.padding.shape;
  const joined = mergeSize ** 2;
  const cells = patches / joined;
  // A side is a multiple of mergeSize, so patches that are joined lie in one window.
  const windowsOfCells = tf.slice(tf.reshape(images.windows!, [rows, cells, joined]), [0, 0, 0], [-1, -1, 1]);
  const order = sortedOrder(tf.reshape(windowsOfCells, [rows, cells]) as tf.Tensor2D);
  const sort = (x: tf.Tensor): tf.Tensor =>
    tf.cast(tf.reshape(takeCells(tf.cast(x, 'float32'), order), x.shape), x.dtype);
  return {
    images: Object.fromEntries(Object.entries(images).map(([name, x]) => [name, sort(x)])) as ImageBatch,
    restore: (merged) => takeCells(merged, sortedOrder(tf.cast(order, 'float32') as tf.Tensor2D)),
  };
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
 * Attention of every patch of an image to all of them, and to no patch of another image.
 *
 * @param mostBytes of scores; more are worked on in chunks of queries. Default: see `chunkLength`
 */
export function imageAttention(
  { padding, owners }: Pick<ImageBatch, 'padding' | 'owners'>,
  mostBytes?: number,
): PatchAttention {
  const [rows, patches] = padding.shape;
  return (queries, keys, values) => {
    const chunk = chunkLength(queries.shape, patches, mostBytes);
    if (chunk === undefined) {
      const bias = owners ? tf.expandDims(biasOfUnlike(owners, owners), 1) : tf.reshape(padding, [rows, 1, 1, patches]);
      return attentionWith(bias)(queries, keys, values);
    }
    const bias = owners ? ownersBias(owners) : tensorBias(tf.reshape(padding, [rows, 1, 1, 1, patches]));
    return attendInChunks(queries, keys, values, bias, chunk);
  };
}

/** The bias between patches of different images, which is computed for the queries of a chunk alone. */
function ownersBias(owners: tf.Tensor2D): ScoreBias {
  const [rows, patches] = owners.shape;
  return {
    tensors: [owners],
    at: ([owners], start, length) => {
      const some = tf.slice(owners as tf.Tensor2D, [0, start], [-1, length]);
      return tf.reshape(biasOfUnlike(some, owners!), [rows, 1, 1, length, patches]);
    },
  };
}

/**
 * Attention within windows.
 *
 * @param windows the number of each patch's window, `[rows, patches]`, sorted
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
