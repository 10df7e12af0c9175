/** The gradient of one supervised update, summed over its micro-batches. */
import * as tf from '@tensorflow/tfjs';
import type { CompiledStep } from '../engine/compile.js';
import { type CollatedBatch, collate, disposeBatch, type Row } from '../model/batch.js';
import type { ModelConfig } from '../model/configuration.js';
import type { ModelWeights } from '../model/tensors.js';
import type { TensorMap } from './adamw.js';
import { type DropoutDraws, dropoutSeed } from './dropout-seed.js';
import { addGradients } from './gradients.js';
import type { LikelihoodInput, LikelihoodOutput } from './likelihood.js';
import type { Metrics } from './metrics.js';
import { readScalar } from './scalar.js';

/**
 * Loss, metrics and gradients of an update. Each token weighs 1 / (trained tokens of the whole update). The result therefore does
 * not depend on how rows are cut into micro-batches; in a mean of their means a token of a short micro-batch would weigh more.
 *
 * @param microBatches rows that run at once
 * @param options.dropout names the draws of adapters' dropout; default: no dropout
 * @returns gradients that the caller hands to the optimizer, and the number of tokens seen
 * @throws Error when no token is trained
 */
export function likelihoodGradients(
  likelihood: CompiledStep<LikelihoodInput, LikelihoodOutput>,
  { trainable, frozen }: { trainable: TensorMap; frozen: ModelWeights },
  microBatches: readonly (readonly Row[])[],
  config: ModelConfig,
  { dropout, ...options }: { lengthStep?: number; dropout?: DropoutDraws } = {},
): { gradients: TensorMap; metrics: Metrics; tokens: number } {
  const trained = microBatches.flat().reduce((sum, row) => sum + trainedTokens(row), 0);
  if (trained === 0) throw new Error('no token of this batch is trained: all of its labels are masked');
  const metrics = { loss: 0, mean_token_accuracy: 0, entropy: 0 };
  let gradients: TensorMap | undefined;
  let tokens = 0;
  for (const [i, rows] of microBatches.entries()) {
    const collated = collate(rows, config, options);
    const weights = evenWeights(collated, 1 / trained);
    const { batch, targets } = collated;
    const seed = dropoutSeed(frozen, dropout, i);
    const out = likelihood({ trainable, frozen, batch, targets, weights, ...seed });
    gradients = gradients ? addGradients(gradients, out.gradients) : out.gradients;
    metrics.loss += readScalar(out.loss);
    metrics.mean_token_accuracy += readScalar(out.correct);
    metrics.entropy += readScalar(out.entropy);
    tokens += collated.tokenCount;
    tf.dispose([weights, ...Object.values(seed)]);
    disposeBatch(collated);
  }
  return { gradients: gradients!, metrics, tokens };
}

/** The number of tokens of a row that have a loss. The first of a row has none, as nothing predicts it. */
function trainedTokens({ prefix, segments }: Row): number {
  const count = (trained: readonly boolean[] = [], from: number) =>
    trained.filter((isTrained, i) => isTrained && i >= from).length;
  const first = prefix.tokens.length === 0 ? 1 : 0;
  return segments.reduce((sum, segment) => sum + count(segment.trained, first), count(prefix.trained, 1));
}

/** One weight for each target, 0 for padding. */
function evenWeights({ targets, origin }: CollatedBatch, weight: number): tf.Tensor1D {
  const values = new Float32Array(targets.token.shape[0]).fill(weight, 0, origin.length);
  return tf.tensor1d(values);
}
