/** The model's parameters as a list: their names and shapes in a checkpoint, their number, and how a new model draws them. */
import { Random } from '../engine/random.js';
import type { ModelConfig } from './configuration.js';
import { type Module, modelModules, patchEmbedding } from './modules.js';

/** Name of each tensor in the checkpoint, with its shape in PyTorch's layout. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  for (const { name, weight, bias } of modelModules(config)) {
    shapes.set(`${name}.weight`, weight);
    if (bias) shapes.set(`${name}.bias`, weight.slice(0, 1));
  }
  return shapes;
}

/** True for the vision tower and its merger, which the paper keeps frozen in supervised fine-tuning. */
export function isVisionParameter(name: string): boolean {
  return name.startsWith('visual.');
}

/** Number of scalars in the model. */
export function countParameters(config: ModelConfig): number {
  let count = 0;
  for (const shape of parameterShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/**
 * The number by which the standard deviation of a new matrix is divided: sqrt(2 x layers) where the matrix writes into the residual
 * stream, since so many branches add up there (GPT-2, Radford et al. 2019, section 2.3); else 1.
 */
export function residualDivisor({ name, writesResidual }: Module, config: ModelConfig): number {
  const layers = isVisionParameter(name) ? config.vision.layers : config.layers;
  return writesResidual ? Math.sqrt(2 * layers) : 1;
}

/**
 * New parameters: norms at one, biases at zero, matrices normal with standard deviation 0.02 / `residualDivisor`.
 *
 * The patch embedding sees raw pixels of unit variance, so its standard deviation is 1 / sqrt(in), which keeps the variance
 * (LeCun et al. 1998).
 */
export function initialParameters(config: ModelConfig, seed: number): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const module of modelModules(config)) {
    const { name, weight, bias } = module;
    const data = new Float32Array(weight.reduce((a, b) => a * b, 1));
    if (weight.length === 1) data.fill(1);
    else {
      const random = new Random(seed, `initial/${name}.weight`);
      const isPatchEmbedding = name === patchEmbedding(config.vision).name;
      const deviation = isPatchEmbedding ? 1 / Math.sqrt(data.length / weight[0]!) : 0.02;
      const scale = deviation / residualDivisor(module, config);
      for (let i = 0; i < data.length; i++) data[i] = scale * random.normal();
    }
    values.set(`${name}.weight`, data);
    if (bias) values.set(`${name}.bias`, new Float32Array(weight[0]!));
  }
  return values;
}
