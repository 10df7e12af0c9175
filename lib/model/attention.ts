/** Attention of the decoder: grouped queries (Ainslie et al. 2023), and the mask that keeps a row's segments apart. */
import * as tf from '@tensorflow/tfjs';
import { batchedProduct } from '../engine/operations.js';
import { attendInChunks, chunkLength, tensorBias } from './chunked-attention.js';

/** How the queries of a layer look at its keys. */
export interface Attention {
  /** Further tensors that `attend` needs, the same for every layer. */
  masks: readonly tf.Tensor[];
  /**
   * Queries `[batch, heads, tokens, size]`, keys and values `[batch, keyValueHeads, tokens, size]` of the same tokens, queries
   * and keys rotated, to `[batch, heads, tokens, size]`.
   */
  attend: (
    layer: number,
    queries: tf.Tensor4D,
    keys: tf.Tensor4D,
    values: tf.Tensor4D,
    masks: readonly tf.Tensor[],
  ) => tf.Tensor4D;
}

/** Called with each layer's keys and values, for a cache. */
export type KeepCache = (layer: number, keys: tf.Tensor4D, values: tf.Tensor4D) => void;

/** Added to an attention score where looking is not allowed: the softmax makes 0 of it. */
export const FORBIDDEN = -1e9;

/**
 * Scores of queries against keys. The queries that share a key-value head stand side by side, so that no key is copied.
 *
 * @param queries `[batch, heads, tokens, size]`
 * @param keys `[batch, keyValueHeads, seen, size]`
 * @returns `[batch, keyValueHeads, heads / keyValueHeads, tokens, seen]`, divided by sqrt(size)
 */
function groupedScores(queries: tf.Tensor4D, keys: tf.Tensor4D): tf.Tensor5D {
  const [batch, heads, tokens, size] = queries.shape;
  const [, groups, seen] = keys.shape;
  const rows = tf.reshape(tf.mul(queries, 1 / Math.sqrt(size)), [batch, groups, (heads / groups) * tokens, size]);
  return tf.reshape(batchedProduct(rows, keys, true), [batch, groups, heads / groups, tokens, seen]) as tf.Tensor5D;
}

/**
 * The weighted sum of the values: attention weights times values.
 *
 * @param shares `[batch, keyValueHeads, heads / keyValueHeads, tokens, seen]`
 * @param values `[batch, keyValueHeads, seen, size]`
 * @returns `[batch, heads, tokens, size]`
 */
function groupedMix(weights: tf.Tensor5D, values: tf.Tensor4D): tf.Tensor4D {
  const [batch, groups, headsPerGroup, tokens, seen] = weights.shape;
  const attended = batchedProduct(tf.reshape(weights, [batch, groups, headsPerGroup * tokens, seen]), values);
  return tf.reshape(attended, [batch, groups * headsPerGroup, tokens, values.shape[3]]) as tf.Tensor4D;
}

/**
 * Attention of tokens to one another under a causal mask `[batch, 1, 1, tokens, tokens]`. Queries are worked on in blocks, so that most
 * of the scores that the mask forbids are never made, or in chunks where the scores would be large.
 */
export function attendUnder(
  bias: tf.Tensor,
  queries: tf.Tensor4D,
  keys: tf.Tensor4D,
  values: tf.Tensor4D,
): tf.Tensor4D {
  const chunk = chunkLength(queries.shape, keys.shape[2]);
  if (chunk !== undefined) return attendInChunks(queries, keys, values, tensorBias(bias, true), chunk) as tf.Tensor4D;
  const blocks = tokenBlocks(queries.shape[2]);
  if (blocks.length === 1) return attendWhole(bias, queries, keys, values);
  const attended = blocks.map(({ start, end }) => {
    const mask = tf.slice(bias, [0, 0, 0, start, 0], [-1, -1, -1, end - start, end]);
    return attendWhole(mask, tokensOf(queries, start, end), tokensOf(keys, 0, end), tokensOf(values, 0, end));
  });
  return tf.concat(attended, 2) as tf.Tensor4D;
}

function attendWhole(bias: tf.Tensor, queries: tf.Tensor4D, keys: tf.Tensor4D, values: tf.Tensor4D): tf.Tensor4D {
  const weights = tf.softmax(tf.add(groupedScores(queries, keys), bias));
  return groupedMix(weights as tf.Tensor5D, values);
}

/** A block has at least so many queries, as each is a dozen operations of the graph. */
const FEWEST_QUERIES = 80;
/** A row has at most so many blocks: eight make 56 % of the scores, and no number of blocks makes less than half. */
const MOST_BLOCKS = 8;

/** Blocks of queries, each of which looks at the keys up to its own last one: the mask forbids those behind it. */
function tokenBlocks(tokens: number): { start: number; end: number }[] {
  const count = Math.min(MOST_BLOCKS, Math.max(1, Math.floor(tokens / FEWEST_QUERIES)));
  return Array.from({ length: count }, (_, i) => ({
    start: Math.round((i * tokens) / count),
    end: Math.round(((i + 1) * tokens) / count),
  }));
}

/** Tokens [start, end) of `[batch, heads, tokens, size]`. */
function tokensOf(x: tf.Tensor4D, start: number, end: number): tf.Tensor4D {
  return tf.slice(x, [0, 0, start, 0], [-1, -1, end - start, -1]) as tf.Tensor4D;
}

/**
 * Attention inside a batch of token rows. The mask keeps their segments apart.
 *
 * @param segments int32 `[batch, tokens]`, see `segmentBias`
 * @param keep called with each layer's keys and values
 */
export function segmentAttention(segments: tf.Tensor2D, keep?: KeepCache): Attention {
  const attend: Attention['attend'] = (layer, queries, keys, values, [bias]) => {
    keep?.(layer, keys, values);
    return attendUnder(bias!, queries, keys, values);
  };
  return { masks: [segmentBias(segments)], attend };
}

/**
 * The attention mask of packed rows: a token sees earlier tokens of its own segment and of segment 0, the prefix that all
 * segments of a row share. Padding has segment -1, and no token sees it.
 *
 * @param segments int32 `[batch, tokens]`
 * @returns `[batch, 1, 1, tokens, tokens]`: 0 where query (axis 3) may see key (axis 4), else -1e9
 */
export function segmentBias(segments: tf.Tensor2D): tf.Tensor5D {
  const [batch, tokens] = segments.shape;
  const query = tf.expandDims(segments, 2);
  const key = tf.expandDims(segments, 1);
  const order = tf.range(0, tokens, 1, 'int32');
  const causal = tf.lessEqual(tf.expandDims(order, 0), tf.expandDims(order, 1));
  const related = tf.logicalOr(tf.equal(query, key), tf.equal(key, 0));
  const allowed = tf.logicalAnd(tf.logicalAnd(related, tf.greaterEqual(key, 0)), causal);
  const bias = tf.mul(tf.sub(1, tf.cast(allowed, 'float32')), FORBIDDEN);
  return tf.reshape(bias, [batch, 1, 1, tokens, tokens]) as tf.Tensor5D;
}
