/** The linear maps of the model by module name, with the low-rank adapter (LoRA) of a module where it has one. */
import * as tf from '@tensorflow/tfjs';
import { linear } from '../engine/operations.js';
import type { Parameters } from './vision.js';

/**
 * The module's affine map, plus `scaling x B (A x)` where the map of parameters holds an adapter for it (Hu et al. 2021,
 * equation 3). A, B and the scaling stand in the map beside the weight, so that the model stays a function of parameters.
 *
 * @param x `[rows, in]`
 * @param module such as `model.layers.0.self_attn.q_proj`
 * @returns `[rows, out]`
 */
export function project(parameters: Parameters, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const out = linear(x, parameters[`${module}.weight`]!, parameters[`${module}.bias`]);
  const adapter = adapterOf(parameters, module);
  if (!adapter) return out;
  return tf.add(out, tf.mul(linear(linear(x, adapter.a), adapter.b), adapter.scaling)) as tf.Tensor2D;
}

/** The weight of a module with its adapter added in, `[out, in]`. */
export function effectiveWeight(parameters: Parameters, module: string): tf.Tensor2D {
  const weight = parameters[`${module}.weight`] as tf.Tensor2D;
  const adapter = adapterOf(parameters, module);
  if (!adapter) return weight;
  return tf.add(weight, tf.mul(tf.matMul(adapter.b, adapter.a), adapter.scaling)) as tf.Tensor2D;
}

interface Adapter {
  /** `[rank, in]`. */
  a: tf.Tensor2D;
  /** `[out, rank]`. */
  b: tf.Tensor2D;
  scaling: tf.Tensor;
}

function adapterOf(parameters: Parameters, module: string): Adapter | undefined {
  const a = parameters[`${module}.lora_A.weight`];
  if (!a) return undefined;
  const [b, scaling] = [parameters[`${module}.lora_B.weight`]!, parameters[`${module}.lora_scaling`]!];
  return { a: a as tf.Tensor2D, b: b as tf.Tensor2D, scaling };
}
