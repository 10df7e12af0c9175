/** The seeds of the dropout of adapters: which numbers a pass that trains leaves out. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../engine/random.js';
import { hasDropout } from '../model/lora.js';
import type { ModelWeights } from '../model/tensors.js';

/** Names the draws of one update. A resumed run comes to the same seed and name, and so to the same draws. */
export interface DropoutDraws {
  /** Of the run. */
  seed: number;
  /** The step, and the update within it. */
  update: string;
}

/**
 * The seed of one micro-batch, int32 `[2]`, as an input of its step; nothing where the adapters have no dropout, or where the caller
 * wants none.
 */
export function dropoutSeed(
  weights: ModelWeights,
  draws: DropoutDraws | undefined,
  microBatch: number,
): { dropoutSeed?: tf.Tensor1D } {
  if (!draws || !hasDropout(weights)) return {};
  const random = new Random(draws.seed, `dropout/${draws.update}/${microBatch}`);
  return { dropoutSeed: tf.tensor1d([random.word() | 0, random.word() | 0], 'int32') };
}
