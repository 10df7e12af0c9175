/** The linear maps of the model, each with its low-rank adapter (LoRA) where it has one. */
import * as tf from '@tensorflow/tfjs';
import { dropout } from '../engine/dropout.js';
import { linear } from '../engine/operations.js';
import { widen } from '../engine/packed.js';
import { hash32 } from '../engine/random.js';
import { biasOf, weightOf } from './modules.js';
import type { ModelWeights } from './tensors.js';

/**
 * The seed of the dropout of all adapters, int32 `[2]`, among the weights that a training pass computes with. Where it is absent, in
 * generation, evaluation and passes that only score, nothing is dropped.
 */
export const DROPOUT_SEED = 'lora_dropout_seed';

/** The weights of one of several parts that are computed side by side, which must not drop alike. */
export function weightsOfPart(parameters: ModelWeights, part: number): ModelWeights {
  const seed = parameters[DROPOUT_SEED];
  if (!seed) return parameters;
  return { ...parameters, [DROPOUT_SEED]: tf.add(widen(seed), tf.tensor1d([0, part], 'int32')) };
}

/**
 * The module's affine map, plus `scaling x B (A x)` where the module has an adapter (Hu et al. 2021, equation 3). A, B and the
 * scaling stand beside the weight, as `MODULE.lora_A.weight`, `MODULE.lora_B.weight` and `MODULE.lora_scaling`. Where there are
 * `MODULE.lora_dropout` and a seed, A sees x after dropout, as in PEFT, which draws for each module by itself.
 *
 * @param module a linear map, such as `decoderLayer(config, 0).queries`
 * @param x `[rows, in]`
 * @returns `[rows, out]`
 */
export function project(parameters: ModelWeights, module: { name: string }, x: tf.Tensor2D): tf.Tensor2D {
  const out = linear(x, weightOf(parameters, module), biasOf(parameters, module));
  const adapter = adapterOf(parameters, module.name);
  if (!adapter) return out;
  const input = adapter.dropout ? dropout(x, adapter.dropout.rate, adapter.dropout.seed) : x;
  return tf.add(out, tf.mul(linear(linear(input, adapter.a), adapter.b), adapter.scaling)) as tf.Tensor2D;
}

/** The weight of a module in float32 with its adapter added in, `[out, in]`. */
export function effectiveWeight(parameters: ModelWeights, module: { name: string }): tf.Tensor2D {
  const weight = widen(weightOf(parameters, module)) as tf.Tensor2D;
  const adapter = adapterOf(parameters, module.name);
  if (!adapter) return weight;
  return tf.add(weight, tf.mul(tf.matMul(adapter.b, adapter.a), adapter.scaling)) as tf.Tensor2D;
}

interface Adapter {
  /** `[rank, in]`. */
  a: tf.Tensor2D;
  /** `[out, rank]`. */
  b: tf.Tensor2D;
  /** A scalar. */
  scaling: tf.Tensor;
  /** Present in a training pass of an adapter that has dropout: its rate, a scalar, and the module's own seed, int32 `[2]`. */
  dropout?: { rate: tf.Tensor; seed: tf.Tensor };
}

function adapterOf(parameters: ModelWeights, module: string): Adapter | undefined {
  const part = (name: string) => {
    const weight = parameters[`${module}.${name}`];
    return weight && widen(weight);
  };
  const a = part('lora_A.weight');
  if (!a) return undefined;
  const rate = part('lora_dropout');
  const seed = parameters[DROPOUT_SEED];
  const ownSeed = () => tf.add(widen(seed!), tf.tensor1d([hash32(module) | 0, 0], 'int32'));
  return {
    ...{ a: a as tf.Tensor2D, b: part('lora_B.weight') as tf.Tensor2D, scaling: part('lora_scaling')! },
    ...(rate && seed && { dropout: { rate, seed: ownSeed() } }),
  };
}
