/**
 * Attention whose memory grows with the tokens and not with their square: queries are worked on in chunks, one after the other, and the
 * backward pass computes each chunk's scores again (Rabe and Staats 2021, Self-attention Does Not Need O(n^2) Memory; the gradient
 * from the outputs and the scores' log-sum-exp is that of Dao et al. 2022, FlashAttention, algorithm 4).
 */
import * as tf from '@tensorflow/tfjs';
import { batchedProduct } from '../engine/operations.js';
import { runAfter } from '../engine/record.js';

/** Bytes of whole scores beyond which attention is worked on in chunks; a chunk's scores take half of it. */
const MOST_SCORE_BYTES = 2 ** 27;

/** Queries a chunk has at least, as each chunk is a dozen operations of the graph. */
const FEWEST_QUERIES = 64;

/** Queries in a chunk, where whole scores `[batch, heads, tokens, seen]` would take more bytes than that; else undefined. */
export function chunkLength(
  [batch, heads, tokens]: readonly number[],
  seen: number,
  mostBytes = MOST_SCORE_BYTES,
): number | undefined {
  const bytesPerQuery = 4 * batch! * heads! * seen;
  if (bytesPerQuery * tokens! <= mostBytes) return undefined;
  return Math.min(tokens!, Math.max(FEWEST_QUERIES, Math.floor(mostBytes / 2 / bytesPerQuery)));
}

/** What is added to the scores. It is made for the queries of one chunk at a time, so that none needs to be held for all of them. */
export interface ScoreBias {
  /** What it is made from. */
  tensors: readonly tf.Tensor[];
  /** The bias of `length` queries from `start`, of or broadcastable to `[batch, 1, 1, length, seen]`. */
  at(tensors: readonly tf.Tensor[], start: number, length: number): tf.Tensor;
  /** Whether it forbids every key behind a query. A chunk then passes over the keys behind its last query. Default: false. */
  isCausal?: boolean;
}

/** A bias that is there as a whole: `[batch, 1, 1, tokens, seen]`, or `[batch, 1, 1, 1, seen]` for all queries. */
export function tensorBias(bias: tf.Tensor, isCausal = false): ScoreBias {
  return {
    tensors: [bias],
    isCausal,
    at: ([bias], start, length) =>
      bias!.shape[3] === 1 ? bias! : tf.slice(bias!, [0, 0, 0, start, 0], [-1, -1, -1, length, -1]),
  };
}

/**
 * softmax(q k^T / sqrt(size) + bias) v over the last two axes, queries in chunks of `chunk`. Query heads may share key-value
 * heads, those of one side by side.
 *
 * @param queries `[batch, heads, tokens, size]`
 * @param keys and values `[batch, keyValueHeads, seen, size]`
 * @returns `[batch, heads, tokens, size]`
 */
export function attendInChunks(
  queries: tf.Tensor,
  keys: tf.Tensor,
  values: tf.Tensor,
  bias: ScoreBias,
  chunk: number,
): tf.Tensor {
  const [batch, heads, tokens, size] = queries.shape as [number, number, number, number];
  const [, groups, seen] = keys.shape as [number, number, number];
  const perGroup = heads / groups;
  const starts = Array.from({ length: Math.ceil(tokens / chunk) }, (_, i) => i * chunk);
  const lengthAt = (start: number) => Math.min(chunk, tokens - start);
  /** How many keys the chunk looks at. */
  const seenAt = (start: number) => (bias.isCausal ? Math.min(start + chunk, seen) : seen);
  const seenKeys = (x: tf.Tensor, start: number) =>
    seenAt(start) === seen ? x : tf.slice(x, [0, 0, 0, 0], [-1, -1, seenAt(start), -1]);
  /** The gradient of the keys or values that the chunk looks at, with zeros for the others. */
  const ofAllKeys = (gradient: tf.Tensor, start: number) =>
    seenAt(start) === seen
      ? gradient
      : tf.pad(gradient, [
          [0, 0],
          [0, 0],
          [0, seen - seenAt(start)],
          [0, 0],
        ]);
  /** The part of `[batch, heads, tokens, n]` that belongs to the chunk at `start`, by key-value heads: `[batch, groups, rows, n]`. */
  const rowsAt = (x: tf.Tensor, start: number) => {
    const part = tf.slice(x, [0, 0, start, 0], [-1, -1, lengthAt(start), -1]);
    return tf.reshape(part, [batch, groups, perGroup * lengthAt(start), x.shape[3]!]);
  };
  const fromRows = (rows: tf.Tensor, start: number) =>
    tf.reshape(rows, [batch, heads, lengthAt(start), rows.shape[3]!]);
  const scoresAt = (rows: tf.Tensor, k: tf.Tensor, biasTensors: readonly tf.Tensor[], start: number) => {
    const products = tf.mul(batchedProduct(rows, k, true), 1 / Math.sqrt(size));
    // A chunk's bias waits for its rows, as the chunk does.
    const whole = bias.at(
      biasTensors.map((tensor) => runAfter(tensor, rows)),
      start,
      lengthAt(start),
    );
    const width = seenAt(start);
    const part = width === seen ? whole : tf.slice(whole, [0, 0, 0, 0, 0], [-1, -1, -1, -1, width]);
    const scores = tf.add(tf.reshape(products, [batch, groups, perGroup, lengthAt(start), width]), part);
    return tf.reshape(scores, [batch, groups, perGroup * lengthAt(start), width]);
  };

  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const [q, k, v] = args as [tf.Tensor, tf.Tensor, tf.Tensor];
    const outputs: tf.Tensor[] = [];
    const logSums: tf.Tensor[] = [];
    for (const start of starts) {
      // One chunk after the other: the graph would else compute all of them at once.
      const rows = start === 0 ? rowsAt(q, start) : runAfter(rowsAt(q, start), outputs.at(-1)!);
      const scores = scoresAt(rows, seenKeys(k, start), bias.tensors, start);
      const logSum = tf.logSumExp(scores, 3, true);
      outputs.push(fromRows(batchedProduct(tf.exp(tf.sub(scores, logSum)), seenKeys(v, start)), start));
      logSums.push(fromRows(logSum, start));
    }
    const output = tf.concat(outputs, 2);
    save([q, k, v, output, tf.concat(logSums, 2), ...bias.tensors]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [q, k, v, output, logSums] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const biasTensors = saved.slice(5);
      const dq: tf.Tensor[] = [];
      let [dk, dv]: tf.Tensor[] = [tf.zerosLike(k), tf.zerosLike(v)];
      for (const start of starts) {
        const previous = start === 0 ? dy : dk!;
        const rows = runAfter(rowsAt(q, start), previous);
        const slope = runAfter(rowsAt(dy, start), previous);
        const chunkKeys = seenKeys(k, start);
        const shares = tf.exp(tf.sub(scoresAt(rows, chunkKeys, biasTensors, start), rowsAt(logSums, start)));
        // d score_ij = share_ij (dy_i . v_j - dy_i . output_i) / sqrt(size)
        const along = tf.sum(tf.mul(slope, rowsAt(output, start)), 3, true);
        const inner = tf.sub(batchedProduct(slope, seenKeys(v, start), true), along);
        const dScores = tf.mul(tf.mul(shares, inner), 1 / Math.sqrt(size));
        dq.push(fromRows(batchedProduct(dScores, chunkKeys), start));
        dk = tf.add(dk!, ofAllKeys(tf.matMul(dScores, rows, true, false), start));
        dv = tf.add(dv!, ofAllKeys(tf.matMul(shares, slope, true, false), start));
      }
      return [tf.concat(dq, 2), dk!, dv!];
    };
    return { value: output, gradFunc };
  });
  return operation(queries, keys, values);
}
