/**
 * Attention over rows of a shared prefix and many short segments, without the scores that the mask would forbid.
 *
 * The segments' tokens are cut into blocks that are at least as long as the longest segment. So a token's own segment lies in its
 * block and the one before it, and a block needs to look at the prefix and at these two alone. For G completions of n tokens after
 * a prompt of p tokens this makes about p^2 + G n (p + 2 n) scores instead of (p + G n)^2.
 */
import * as tf from '@tensorflow/tfjs';
import { batchedProduct } from '../engine/operations.js';
import { type Attention, attendUnder, FORBIDDEN, segmentBias } from './attention.js';

/** Where the segments of a row begin, and into which blocks their tokens are cut. */
export interface BlockLayout {
  /** Tokens of the prefix, padding included. */
  prefix: number;
  /** Tokens in a block; no segment has more. */
  size: number;
  blocks: number;
}

/** Lengths are padded to a multiple of this, so that few graphs are compiled. */
const STEP = 32;

/**
 * The layout of some rows in blocks; undefined if one mask over whole rows makes fewer scores.
 *
 * @param rows the tokens of each row's prefix, and of each of its segments
 * @param dense tokens of a row that is not laid out in blocks
 */
export function blockLayout(
  rows: readonly { prefix: number; segments: readonly number[] }[],
  dense: number,
): BlockLayout | undefined {
  const padded = (length: number) => Math.ceil(length / STEP) * STEP;
  const size = padded(Math.max(1, ...rows.flatMap(({ segments }) => segments)));
  const most = Math.max(...rows.map(({ segments }) => segments.reduce((a, b) => a + b, 0)));
  const needed = Math.ceil(most / size);
  // An even number of blocks, so that fewer shapes occur.
  const blocks = needed > 2 ? 2 * Math.ceil(needed / 2) : needed;
  const prefix = padded(Math.max(...rows.map(({ prefix }) => prefix)));
  const keysOfBlock = prefix + (blocks > 1 ? 2 : 1) * size;
  return prefix ** 2 + blocks * size * keysOfBlock < dense ** 2 ? { prefix, size, blocks } : undefined;
}

/**
 * Attention of rows in blocks. It equals `segmentAttention` on the same tokens.
 *
 * @param prefix segment of each token of the prefix, 0 or -1 for padding, int32 `[batch, prefix]`; its width may be 0
 * @param blocks segment of each later token, -1 for padding, int32 `[batch, blocks, size]`
 * @param headsPerGroup query heads to a key-value head
 */
export function blockAttention(prefix: tf.Tensor2D, blocks: tf.Tensor3D, headsPerGroup: number): Attention {
  const [batch, count, size] = blocks.shape;
  const width = prefix.shape[1];
  const attend: Attention['attend'] = (_, queries, keys, values, [bias, prefixBias]) => {
    const [, heads, , headSize] = queries.shape;
    const groups = keys.shape[1];
    const prefixOf = (x: tf.Tensor4D) => tf.slice(x, [0, 0, 0, 0], [-1, -1, width, -1]) as tf.Tensor4D;
    const behindPrefix = (x: tf.Tensor4D) => tf.slice(x, [0, 0, width, 0]) as tf.Tensor4D;
    const scaled = tf.mul(behindPrefix(queries), 1 / Math.sqrt(headSize));
    const inBlocks = tf.reshape(scaled, [batch, groups, headsPerGroup, count, size, headSize]);
    // Queries of one key-value head stand side by side in each block.
    const rows = tf.reshape(swapHeadsAndBlocks(inBlocks), [batch, groups, count, headsPerGroup * size, headSize]);
    const nearCache = {
      keys: withBlockBefore(behindPrefix(keys), count),
      values: withBlockBefore(behindPrefix(values), count),
    };
    const scoresOfNear = batchedProduct(rows, nearCache.keys, true);
    if (width === 0)
      return fromBlocks(batchedProduct(tf.softmax(tf.add(scoresOfNear, bias!)), nearCache.values), heads);

    const prefixCache = { keys: prefixOf(keys), values: prefixOf(values) };
    const flat = tf.reshape(rows, [batch, groups, count * headsPerGroup * size, headSize]);
    const scoresOfPrefix = tf.reshape(batchedProduct(flat, prefixCache.keys, true), [
      batch,
      groups,
      count,
      headsPerGroup * size,
      width,
    ]);
    const weights = tf.softmax(tf.add(tf.concat([scoresOfPrefix, scoresOfNear], 4), bias!));
    const [prefixPart, nearPart] = tf.split(weights, [width, nearCache.keys.shape[3]!], 4) as [tf.Tensor, tf.Tensor];
    const attended = tf.add(
      tf.reshape(
        batchedProduct(
          tf.reshape(prefixPart, [batch, groups, count * headsPerGroup * size, width]),
          prefixCache.values,
        ),
        rows.shape,
      ),
      batchedProduct(nearPart, nearCache.values),
    );
    const ofPrefix = attendUnder(prefixBias!, prefixOf(queries), prefixCache.keys, prefixCache.values);
    return tf.concat([ofPrefix, fromBlocks(attended, heads)], 2);
  };
  const masks = [blockBias(prefix, blocks, headsPerGroup), ...(width > 0 ? [segmentBias(prefix)] : [])];
  return { masks, attend };
}

/** `[batch, groups, headsPerGroup, blocks, size, headSize]` with axes 2 and 3 swapped, or back. It makes no copy where one of them is 1. */
function swapHeadsAndBlocks(x: tf.Tensor): tf.Tensor {
  return x.shape[2] === 1 || x.shape[3] === 1 ? x : tf.transpose(x, [0, 1, 3, 2, 4, 5]);
}

/** `[batch, groups, blocks, headsPerGroup x size, headSize]` to `[batch, heads, blocks x size, headSize]`. */
function fromBlocks(attended: tf.Tensor, heads: number): tf.Tensor4D {
  const [batch, groups, count, rows, headSize] = attended.shape as [number, number, number, number, number];
  const headsPerGroup = heads / groups;
  const splitHeads = tf.reshape(attended, [batch, groups, count, headsPerGroup, rows / headsPerGroup, headSize]);
  return tf.reshape(swapHeadsAndBlocks(splitHeads), [
    batch,
    heads,
    (count * rows) / headsPerGroup,
    headSize,
  ]) as tf.Tensor4D;
}

/** Keys or values `[batch, groups, tokens, headSize]` in blocks, each behind the block before it: `[batch, groups, blocks, 2 size, headSize]`. */
function withBlockBefore(x: tf.Tensor4D, count: number): tf.Tensor {
  const [batch, groups, tokens, headSize] = x.shape;
  const size = tokens / count;
  const inBlocks = (y: tf.Tensor) => tf.reshape(y, [batch, groups, count, size, headSize]);
  if (count === 1) return inBlocks(x);
  const shifted = tf.concat(
    [tf.zeros([batch, groups, size, headSize]), tf.slice(x, [0, 0, 0, 0], [-1, -1, tokens - size, -1])],
    2,
  );
  return tf.concat([inBlocks(shifted), inBlocks(x)], 3);
}

/** The mask of `headsPerGroup` query heads at a time, `[batch, 1, blocks, headsPerGroup x size, seen]`: 0, or -1e9 where looking is forbidden. */
function blockBias(prefix: tf.Tensor2D, blocks: tf.Tensor3D, headsPerGroup: number): tf.Tensor {
  const [batch, count, size] = blocks.shape;
  const blockBefore = tf.concat(
    [tf.fill([batch, 1, size], -1, 'int32'), tf.slice(blocks, [0, 0, 0], [-1, count - 1, -1])],
    1,
  );
  const nearSegments = count === 1 ? blocks : tf.concat([blockBefore, blocks], 2);
  const width = nearSegments.shape[2] as number;
  const query = tf.expandDims(blocks, 3);
  const key = tf.expandDims(nearSegments, 2);
  const queryPlaces = tf.range(0, size, 1, 'int32');
  const keyPlaces = tf.range(size - width, size, 1, 'int32');
  const causal = tf.lessEqual(tf.expandDims(keyPlaces, 0), tf.expandDims(queryPlaces, 1));
  const seesNear = tf.logicalAnd(tf.logicalAnd(tf.equal(query, key), tf.greaterEqual(key, 0)), causal);
  const forbid = (allowed: tf.Tensor) => tf.mul(tf.sub(1, tf.cast(allowed, 'float32')), FORBIDDEN);
  const seesPrefix = tf.tile(tf.reshape(tf.greaterEqual(prefix, 0), [batch, 1, 1, -1]), [1, count, size, 1]);
  const bias = prefix.shape[1] > 0 ? tf.concat([forbid(seesPrefix), forbid(seesNear)], 3) : forbid(seesNear);
  const repeated = tf.tile(tf.expandDims(bias, 2), [1, 1, headsPerGroup, 1, 1]);
  return tf.reshape(repeated, [batch, 1, count, headsPerGroup * size, -1]);
}
