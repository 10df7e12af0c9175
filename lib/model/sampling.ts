/** Draws the next token from logits: greedily, or by temperature, top-k, top-p and min-p; with a penalty on repeated tokens before that. */
import * as tf from '@tensorflow/tfjs';
import { deepFreeze } from '../engine/deep-freeze.js';
import { logProbability, topK } from '../engine/operations.js';

/** How a token is drawn from the distribution over the next one. */
export interface SamplingSettings {
  /** Logits are divided by it; 0 takes the most probable token (greedy). */
  temperature: number;
  /** Only the k most probable tokens may be drawn; 0: all. */
  topK: number;
  /** Only the smallest set of tokens whose probabilities reach it may be drawn; 1: all. */
  topP: number;
  /** Only tokens of at least this share of the most probable token's probability may be drawn; 0: all (Nguyen et al. 2024, min-p). */
  minP: number;
  /** Makes tokens less probable that occur already, greedily too (see `penalizeRepetition`); 1, the default: no penalty. */
  repetitionPenalty?: number;
}

/** Takes the most probable token each time. */
export const GREEDY: SamplingSettings = deepFreeze({ temperature: 0, topK: 0, topP: 1, minP: 0 });

/** Checks settings. @throws Error naming the one that is impossible */
export function checkSampling({ temperature, topK, topP, minP, repetitionPenalty = 1 }: SamplingSettings): void {
  if (!(temperature >= 0 && temperature < Infinity))
    throw new Error(`temperature must be 0 (greedy) or above, and finite, got ${temperature}`);
  if (!Number.isInteger(topK) || topK < 0)
    throw new Error(`topK must be a whole number, 0 for all tokens, got ${topK}`);
  if (!(topP > 0 && topP <= 1)) throw new Error(`topP must be above 0 and at most 1, got ${topP}`);
  if (!(minP >= 0 && minP <= 1)) throw new Error(`minP must be from 0 (all tokens) to 1, got ${minP}`);
  if (!(repetitionPenalty > 0 && repetitionPenalty < Infinity))
    throw new Error(`repetitionPenalty must be above 0 and finite, 1 for none, got ${repetitionPenalty}`);
}

/**
 * Divides the positive logits of tokens that occur already by the penalty and multiplies the negative ones with it (Keskar et al. 2019,
 * CTRL, section 4.1; as transformers' `RepetitionPenaltyLogitsProcessor`).
 *
 * @param logits `[rows, vocab]`
 * @param seen 1 for each token of a row's prompt and completion, else 0, `[rows, vocab]`
 */
export function penalizeRepetition(logits: tf.Tensor2D, seen: tf.Tensor2D, penalty: number): tf.Tensor2D {
  const penalized = tf.where(tf.greater(logits, 0), tf.div(logits, penalty), tf.mul(logits, penalty));
  return tf.where(tf.greater(seen, 0), penalized, logits) as tf.Tensor2D;
}

/** The logit of a token that was left out: its probability is 0, and its products are finite. */
export const LEFT_OUT = -1e30;

/** Whether some tokens can never be drawn. */
export function leavesTokensOut({ temperature, topK, topP, minP }: SamplingSettings): boolean {
  return temperature > 0 && (topK > 0 || topP < 1 || minP > 0);
}

/** Tokens that were drawn. */
export interface SampledTokens {
  /** int32 `[rows]`. */
  tokens: tf.Tensor1D;
  /** See `sampleTokens`, `[rows]`. */
  logProbs: tf.Tensor1D;
  /** The tokens that could be drawn, int32 `[rows, candidates]`, with -1 in place of those that could not; see `sampleTokens`. */
  kept?: tf.Tensor2D;
}

/**
 * Draws one token for each row, by inverting the cumulative distribution of the tokens that the settings leave.
 *
 * @param logits `[rows, vocab]`
 * @param uniform numbers in [0, 1), `[rows]`; unused when greedy
 * @param keep whether the tokens that the settings leave are returned too. The log-probabilities are then those under the softmax over
 *   these tokens alone. Without it they are under softmax(logits / temperature) over the whole vocabulary (temperature 1 when greedy).
 *   Where the settings leave all tokens it changes nothing
 */
export function sampleTokens(
  logits: tf.Tensor2D,
  uniform: tf.Tensor1D,
  settings: SamplingSettings,
  keep = false,
): SampledTokens {
  if (settings.temperature === 0) {
    const tokens = tf.cast(tf.argMax(logits, 1), 'int32') as tf.Tensor1D;
    return { tokens, logProbs: logProbability(logits, tokens) };
  }
  const scaled = tf.div(logits, settings.temperature) as tf.Tensor2D;
  const vocab = scaled.shape[1];
  const candidates = leavesTokensOut(settings)
    ? topK(scaled, settings.topK > 0 ? Math.min(settings.topK, vocab) : vocab)
    : { values: scaled, indices: undefined };
  const probabilities = tf.softmax(candidates.values);
  const kept = keptProbabilities(probabilities, settings);
  const cumulative = tf.cumsum(kept, 1);
  const threshold = tf.mul(tf.expandDims(uniform, 1), tf.sum(kept, 1, true));
  // The rank of the drawn candidate is the number of those whose cumulative probability is at or below the threshold.
  const rank = tf.sum(tf.cast(tf.lessEqual(cumulative, threshold), 'int32'), 1);
  const width = candidates.values.shape[1];
  // Rounding can leave the last cumulative value below the threshold. Then the last kept candidate is drawn.
  const lastKept = tf.sub(tf.sum(tf.cast(tf.greater(kept, 0), 'int32'), 1), tf.scalar(1, 'int32'));
  const endsEarly = settings.topP < 1 || settings.minP > 0 || keep;
  const bounded = tf.minimum(rank, endsEarly ? lastKept : tf.scalar(width - 1, 'int32'));
  const tokens = candidates.indices
    ? tf.sum(tf.mul(candidates.indices, tf.cast(tf.oneHot(tf.cast(bounded, 'int32'), width), 'int32')), 1)
    : bounded;
  const drawn = tf.cast(tokens, 'int32') as tf.Tensor1D;
  if (!keep || !candidates.indices) return { tokens: drawn, logProbs: logProbability(scaled, drawn) };
  const isKept = tf.greater(kept, 0);
  const keptLogits = tf.where(isKept, candidates.values, tf.fill(candidates.values.shape, LEFT_OUT)) as tf.Tensor2D;
  return {
    tokens: drawn,
    logProbs: logProbability(keptLogits, tf.cast(bounded, 'int32') as tf.Tensor1D),
    kept: tf.cast(
      tf.where(isKept, candidates.indices, tf.fill([logits.shape[0], width], -1, 'int32')),
      'int32',
    ) as tf.Tensor2D,
  };
}

/**
 * The probabilities of the tokens that top-p and min-p leave, 0 for the others.
 *
 * @param probabilities `[rows, candidates]`, the most probable first where `topP` or `minP` leaves tokens out
 */
function keptProbabilities(probabilities: tf.Tensor, { topP, minP }: SamplingSettings): tf.Tensor {
  const keepWhere = (values: tf.Tensor, condition: tf.Tensor) => tf.mul(values, tf.cast(condition, 'float32'));
  // A token stays if the probability of those before it is below topP, so that the most probable always stays.
  const nucleus = topP < 1 ? keepWhere(probabilities, tf.less(tf.cumsum(probabilities, 1, true), topP)) : probabilities;
  if (minP === 0) return nucleus;
  const least = tf.mul(tf.max(probabilities, 1, true), minP);
  return keepWhere(nucleus, tf.greaterEqual(probabilities, least));
}
