/** A completion as it grows: the tokens that each chunk of decoding adds to it. */
import type * as tf from '@tensorflow/tfjs';

/** One completion of a prompt, as it was drawn. */
export interface Completion {
  /** Up to and including the end token, where there is one. */
  tokens: number[];
  /**
   * Log-probability of each token under softmax(logits / temperature), the penalty on repetition included; over the kept tokens alone
   * where there is `kept`.
   */
  logProbs: number[];
  /** False if it was cut at `maxNewTokens`. */
  ended: boolean;
  /**
   * For each token, all tokens that top-k, top-p and min-p left to draw from, itself among them, in no particular order. Present with
   * `keepSamplingMask`, where the settings leave tokens out.
   */
  kept?: Int32Array[];
}

/** What a chunk of decoding drew for the rows of a shard. */
export interface DrawnTokens {
  /** int32 `[chunk, rows]`. */
  tokens: tf.Tensor2D;
  /** `[chunk, rows]`. */
  logProbs: tf.Tensor2D;
  /** The tokens that could be drawn, -1 in place of others, int32 `[chunk, rows, candidates]`. */
  kept?: tf.Tensor3D;
}

/**
 * Adds the tokens of a chunk to the completions, up to their end.
 *
 * @param completionOfRow the completion that each row holds, as an index into `outputs`; below 0 for an idle row
 * @param limit how many tokens a completion may still get
 */
export function appendDrawn(
  outputs: readonly Completion[],
  completionOfRow: readonly number[],
  { tokens, logProbs, kept }: DrawnTokens,
  limit: number,
  endTokenIds: readonly number[],
): void {
  const [tokenIds, values, sets] = [tokens.dataSync(), logProbs.dataSync(), kept?.dataSync() as Int32Array | undefined];
  const rows = completionOfRow.length;
  const width = kept?.shape[2] ?? 0;
  for (let t = 0; t < tokens.shape[0] && t < limit; t++) {
    completionOfRow.forEach((index, r) => {
      const completion = outputs[index];
      if (!completion || completion.ended) return;
      const place = t * rows + r;
      const token = tokenIds[place] as number;
      completion.tokens.push(token);
      completion.logProbs.push(values[place] as number);
      completion.ended = endTokenIds.includes(token);
      if (!sets) return;
      completion.kept ??= [];
      completion.kept.push(sets.slice(place * width, (place + 1) * width).filter((id) => id >= 0));
    });
  }
}
