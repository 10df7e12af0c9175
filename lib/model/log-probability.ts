/**
 * Log-probabilities of target tokens, with the entropy of each prediction. The head runs only where a target is predicted. Over a
 * large vocabulary it runs in chunks, so that the logits of the whole are never in memory at once.
 */
import * as tf from '@tensorflow/tfjs';
import { linear, logProbability, takeRows } from '../engine/operations.js';
import { isPacked, mapTensor, shapeOf, tensorOf, type Weight, widenAfter } from '../engine/packed.js';
import { runAfter } from '../engine/record.js';
import { OUTPUT_HEAD, TOKEN_EMBEDDING } from './modules.js';
import { LEFT_OUT } from './sampling.js';
import type { ModelWeights } from './tensors.js';

/** The tokens that are predicted, and the places that predict them. Both lists have one length, and are padded with any index. */
export type Targets = {
  /** Place, in the flattened `[batch x tokens]`, of the token that predicts; int32 `[targets]`. */
  from: tf.Tensor1D;
  /** The token predicted there, int32 `[targets]`. */
  token: tf.Tensor1D;
};

/**
 * For each target the tokens that it could have been, itself among them, int32 `[targets, width]`; padded with any of the row's tokens.
 * The prediction is then the softmax over these tokens alone, and all others have probability 0.
 */
export type KeptTokens = tf.Tensor2D;

/** The model's predictions at the targets, all `[targets]`. */
export interface Predictions {
  logProbs: tf.Tensor1D;
  /** In nats. */
  entropies: tf.Tensor1D;
  /**
   * 1 where the target is the most probable token, else 0. Between equal logits the first counts; where the head runs in chunks, any of
   * them does. It has no gradient.
   */
  hits: tf.Tensor1D;
}

/** Vocabulary entries in a chunk: the logits of 512 targets then take 32 MB. */
const CHUNK = 16_384;

/** The output projection, `[vocab, hidden]`. With tied embeddings it is the embedding's table. */
export function headOf(parameters: ModelWeights): Weight {
  return parameters[`${OUTPUT_HEAD}.weight`] ?? parameters[`${TOKEN_EMBEDDING}.weight`]!;
}

/**
 * Logits over the vocabulary of some hidden states, `[rows, hidden]` to `[rows, vocab]`. A large vocabulary is computed in chunks, one
 * after the other, since a packed head is widened for its product: at the 7B's size it takes 2.2 GB as a whole and 0.24 GB a chunk.
 *
 * @param chunk vocabulary entries in a chunk; default 16,384
 */
export function logits(parameters: ModelWeights, hidden: tf.Tensor2D, chunk = CHUNK): tf.Tensor2D {
  const head = headOf(parameters);
  const vocab = shapeOf(head)[0]!;
  if (vocab <= chunk) return linear(hidden, head);
  // A head in float32 is cut likewise, so that both give the same numbers. Its parts are views, not copies.
  const parts: tf.Tensor2D[] = [];
  for (let from = 0; from < vocab; from += chunk) {
    const part = mapTensor(head, (carrier) => tf.slice(carrier, [from, 0], [Math.min(chunk, vocab - from), -1]));
    const previous = parts.at(-1);
    parts.push(linear(previous ? runAfter(hidden, previous) : hidden, part));
  }
  return tf.concat(parts, 1) as tf.Tensor2D;
}

/**
 * Predicts the targets.
 *
 * @param hidden `[batch x tokens, hidden]`
 * @param options.temperature logits are divided by it before the softmax; default 1
 * @param options.headIsFrozen no gradient is wanted for the head, whose gradient is as large as itself; default false
 * @param options.chunk vocabulary entries in a chunk; default 16,384. A vocabulary that is no larger is taken as a whole
 * @param options.kept the tokens that each prediction is over; default: the whole vocabulary
 */
export function predictTargets(
  parameters: ModelWeights,
  hidden: tf.Tensor2D,
  targets: Targets,
  options: { temperature?: number; headIsFrozen?: boolean; chunk?: number; kept?: KeptTokens } = {},
): Predictions {
  const { temperature = 1, headIsFrozen = false, chunk = CHUNK, kept } = options;
  const head = headOf(parameters);
  const raw = takeRows(hidden, targets.from);
  const rows = temperature === 1 ? raw : (tf.div(raw, temperature) as tf.Tensor2D);
  if (shapeOf(head)[0]! > chunk)
    return predictInChunks(rows, head, targets.token, chunk, headIsFrozen || isPacked(head), kept);
  const wholeLogits = linear(rows, head);
  const allLogits = kept ? keptLogits(wholeLogits, kept, 0) : wholeLogits;
  const hits = tf.equal(tf.cast(tf.argMax(allLogits, 1), 'int32'), targets.token);
  return {
    logProbs: logProbability(allLogits, targets.token),
    entropies: predictionEntropy(allLogits),
    hits: tf.cast(hits, 'float32') as tf.Tensor1D,
  };
}

/**
 * The logits of a chunk of the vocabulary, with `LEFT_OUT` in place of those of tokens that are not kept. The set stays a list of token
 * ids until here, so that a mask over the vocabulary is never larger than the logits of one chunk.
 *
 * @param logits `[rows, chunk]`
 * @param from the vocabulary entry that the chunk begins at
 */
function keptLogits(logits: tf.Tensor2D, kept: KeptTokens, from: number): tf.Tensor2D {
  const [rows, chunk] = logits.shape;
  const width = kept.shape[1];
  // Tokens of other chunks go to a column behind the last, which is cut off.
  const places = tf.sub(kept, tf.scalar(from, 'int32'));
  const isHere = tf.logicalAnd(
    tf.greaterEqual(places, tf.scalar(0, 'int32')),
    tf.less(places, tf.scalar(chunk, 'int32')),
  );
  const columns = tf.where(isHere, places, tf.fill([rows, width], chunk, 'int32'));
  const rowNumbers = tf.tile(tf.expandDims(tf.range(0, rows, 1, 'int32'), 1), [1, width]);
  const indices = tf.reshape(tf.stack([rowNumbers, tf.cast(columns, 'int32')], 2), [rows * width, 2]);
  const counts = tf.scatterND(indices as tf.Tensor2D, tf.fill([rows * width], 1), [rows, chunk + 1]);
  const isKept = tf.greater(tf.slice(counts, [0, 0], [rows, chunk]), 0);
  return tf.where(isKept, logits, tf.fill([rows, chunk], LEFT_OUT)) as tf.Tensor2D;
}

/** Entropy of softmax(logits) for each row, in nats: `log Z - sum p x`, `[rows]`. */
function predictionEntropy(logits: tf.Tensor2D): tf.Tensor1D {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  const exp = tf.exp(shifted);
  const total = tf.sum(exp, 1);
  return tf.sub(tf.log(total), tf.div(tf.sum(tf.mul(exp, shifted), 1), total)) as tf.Tensor1D;
}

/**
 * The same in chunks, with a running maximum m, sum s = sum e^(x - m) and weighted sum t = sum e^(x - m) x (as in Milakov and
 * Gimelshein 2018, Online normalizer calculation for softmax). With log Z = m + log s and H = log Z - t / s:
 *
 *   d log p_k / d x_j = [j = k] - p_j        d H / d x_j = -p_j (log p_j + H)
 */
function predictInChunks(
  rows: tf.Tensor2D,
  head: Weight,
  tokens: tf.Tensor1D,
  size: number,
  headIsFrozen: boolean,
  kept?: KeptTokens,
): Predictions {
  const vocab = shapeOf(head)[0]!;
  const starts = Array.from({ length: Math.ceil(vocab / size) }, (_, i) => i * size);
  const part = (carrier: tf.Tensor, from: number) =>
    mapTensor(head, () => tf.slice(carrier, [from, 0], [Math.min(size, vocab - from), -1]));
  /** 1 at the target, `[rows, chunk]`; a row of zeros where it lies in another chunk. */
  const target = (token: tf.Tensor, from: number, width: number) => {
    const places = tf.sub(tf.expandDims(token, 1), tf.scalar(from, 'int32'));
    return tf.cast(tf.equal(places, tf.expandDims(tf.range(0, width, 1, 'int32'), 0)), 'float32');
  };

  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const [x, w = tensorOf(head)] = args as [tf.Tensor2D, tf.Tensor2D | undefined];
    let largest: tf.Tensor = tf.fill([x.shape[0]], Number.NEGATIVE_INFINITY);
    let [sum, weighted, targetLogits]: tf.Tensor[] = [
      tf.zerosLike(largest),
      tf.zerosLike(largest),
      tf.zerosLike(largest),
    ];
    for (const from of starts) {
      const plain = linear(from === 0 ? x : runAfter(x, sum!), part(w, from));
      const chunkLogits = kept ? keptLogits(plain, kept, from) : plain;
      const newLargest = tf.maximum(largest, tf.max(chunkLogits, 1));
      const shrink = tf.exp(tf.sub(largest, newLargest));
      const exp = tf.exp(tf.sub(chunkLogits, tf.expandDims(newLargest, 1)));
      sum = tf.add(tf.mul(sum!, shrink), tf.sum(exp, 1));
      weighted = tf.add(tf.mul(weighted!, shrink), tf.sum(tf.mul(exp, chunkLogits), 1));
      targetLogits = tf.add(targetLogits!, tf.sum(tf.mul(target(tokens, from, chunkLogits.shape[1]), chunkLogits), 1));
      largest = newLargest;
    }
    const logZ = tf.add(largest, tf.log(sum!));
    const entropy = tf.sub(logZ, tf.div(weighted!, sum!));
    const hits = tf.cast(tf.greaterEqual(targetLogits!, largest), 'float32');
    save([x, w, tokens, logZ, entropy, ...(kept ? [kept] : [])]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x, w, tokens, logZ, entropy] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor, tf.Tensor, tf.Tensor];
      const keptAgain = saved[5] as KeptTokens | undefined;
      const [dLogProb, dEntropy] = tf.unstack(dy).map((row) => tf.expandDims(row, 1)) as [tf.Tensor, tf.Tensor];
      let dx: tf.Tensor = tf.zerosLike(x);
      const dw: tf.Tensor2D[] = [];
      for (const from of starts) {
        const previous = from === 0 ? dy : dx;
        const headPart = widenAfter(part(w, from), previous);
        const plain = linear(runAfter(x, previous), headPart);
        const chunkLogits = keptAgain ? keptLogits(plain, keptAgain, from) : plain;
        const logs = tf.sub(chunkLogits, tf.expandDims(logZ, 1));
        const p = tf.exp(logs);
        const slopeOfLogProb = tf.mul(dLogProb, tf.sub(target(tokens, from, chunkLogits.shape[1]), p));
        const slope = tf.sub(
          slopeOfLogProb,
          tf.mul(dEntropy, tf.mul(p, tf.add(logs, tf.expandDims(entropy, 1)))),
        ) as tf.Tensor2D;
        dx = tf.add(dx, tf.matMul(slope, headPart as tf.Tensor2D));
        if (!headIsFrozen) dw.push(tf.matMul(slope, x, true, false) as tf.Tensor2D);
      }
      return headIsFrozen ? [dx] : [dx, tf.concat(dw, 0)];
    };
    return { value: tf.stack([tf.sub(targetLogits!, logZ), entropy, hits]), gradFunc };
  });
  const value = headIsFrozen ? operation(rows) : operation(rows, tensorOf(head));
  const [logProbs, entropies, hits] = tf.unstack(value) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  return { logProbs, entropies, hits };
}
