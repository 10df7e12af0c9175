/** What SFT and GRPO share: which examples a step takes, which parameters move, how many tokens have been counted. */
import * as tf from '@tensorflow/tfjs';
import { isPacked, widen } from '../engine/packed.js';
import { Random } from '../engine/random.js';
import { hasAdapters, isAdapterParameter } from '../model/lora.js';
import { isVisionParameter } from '../model/parameters.js';
import type { ModelWeights, MutableWeights } from '../model/tensors.js';
import type { TensorMap } from './adamw.js';
import type { RunDirectory } from './run-directory.js';

/** The examples of step `index` (the first is 0): consecutive ones of an endless sequence of shuffled passes. */
export function batchOf<T>(
  examples: readonly T[],
  index: number,
  { batchSize, seed }: { batchSize: number; seed: number },
): T[] {
  const batch: T[] = [];
  let order: T[] = [];
  let shuffledEpoch = -1;
  for (let k = index * batchSize; k < (index + 1) * batchSize; k++) {
    const epoch = Math.floor(k / examples.length);
    if (epoch !== shuffledEpoch) {
      order = new Random(seed, `order/${epoch}`).shuffle(examples);
      shuffledEpoch = epoch;
    }
    batch.push(order[k % examples.length] as T);
  }
  return batch;
}

/** Consecutive items cut into runs of `size`; the last run may be shorter. */
export function cutIntoRuns<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/**
 * Parts the parameters into those that a run trains and those that it leaves. Of a model with adapters only the adapters train.
 *
 * What trains is float32: a packed weight among it is widened, in `parameters` too, and freed, one after the other.
 *
 * @param keep tensors that must survive, such as those of a reference model
 * @throws Error when nothing would be trained
 */
export function partParameters(
  parameters: MutableWeights,
  { freezeVision }: { freezeVision: boolean },
  keep: ReadonlySet<tf.Tensor> = new Set(),
): { trainable: TensorMap; frozen: ModelWeights } {
  const adapted = hasAdapters(parameters);
  const trains = (name: string) => (!adapted || isAdapterParameter(name)) && !(freezeVision && isVisionParameter(name));
  const entries = Object.entries(parameters);
  if (!entries.some(([name]) => trains(name)))
    throw new Error(
      'nothing is left to train: the adapters are all in the vision tower, which freezeVision holds still',
    );
  const trainable: TensorMap = {};
  for (const [name, weight] of entries) {
    if (!trains(name)) continue;
    trainable[name] = widen(weight);
    parameters[name] = trainable[name];
    if (isPacked(weight) && !keep.has(weight.packed)) tf.dispose(weight.packed);
  }
  return {
    trainable,
    frozen: Object.fromEntries(entries.filter(([name]) => !trains(name))),
  };
}

/** `num_tokens` as it stood before step `index`, from the run's own log: a resumed run goes on counting from there. */
export function tokensBefore(run: RunDirectory, index: number): number {
  return index === 0 ? 0 : (run.metrics()[index - 1]?.num_tokens ?? 0);
}
