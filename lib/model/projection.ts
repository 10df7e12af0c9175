/** The linear maps of the model, each with its low-rank adapter (LoRA) where it has one. */
import * as tf from '@tensorflow/tfjs';
import { linear } from '../engine/operations.js';
import { widen } from '../engine/packed.js';
import { biasOf, weightOf } from './modules.js';
import type { ModelWeights } from './tensors.js';

/**
 * The module's affine map, plus `scaling x B (A x)` where the module has an adapter (Hu et al. 2021, equation 3). A, B and the
 * scaling stand beside the weight, as `MODULE.lora_A.weight`, `MODULE.lora_B.weight` and `MODULE.lora_scaling`.
 *
 * @param module a linear map, such as `decoderLayer(config, 0).queries`
 * @param x `[rows, in]`
 * @returns `[rows, out]`
 */
export function project(parameters: ModelWeights, module: { name: string }, x: tf.Tensor2D): tf.Tensor2D {
  const out = linear(x, weightOf(parameters, module), biasOf(parameters, module));
  const adapter = adapterOf(parameters, module.name);
  if (!adapter) return out;
  return tf.add(out, tf.mul(linear(linear(x, adapter.a), adapter.b), adapter.scaling)) as tf.Tensor2D;
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
}

function adapterOf(parameters: ModelWeights, module: string): Adapter | undefined {
  const part = (name: string) => {
    const weight = parameters[`${module}.${name}`];
    return weight && widen(weight);
  };
  const a = part('lora_A.weight');
  if (!a) return undefined;
  return { a: a as tf.Tensor2D, b: part('lora_B.weight') as tf.Tensor2D, scaling: part('lora_scaling')! };
}
