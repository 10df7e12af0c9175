/** AdamW (Loshchilov and Hutter 2019, algorithm 2) with clipping of the global gradient norm, as one compiled step. */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';

/** Tensors by parameter name. */
export type TensorMap = { [name: string]: tf.Tensor };

export interface AdamWSettings {
  /** Default 0.9. */
  beta1: number;
  /** Default 0.999. */
  beta2: number;
  /** Added to the root of the second moment. */
  epsilon: number;
  /** Decoupled weight decay. As in transformers' Trainer it acts on matrices alone, not on norms and biases. */
  weightDecay: number;
  /** Gradients of a larger global norm are scaled down to this one; 0: never. */
  clipNorm: number;
}

export const ADAMW_DEFAULTS: AdamWSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };

type UpdateInput = {
  parameters: TensorMap;
  gradients: TensorMap;
  first: TensorMap;
  second: TensorMap;
  /** The learning rate, `1 - beta1^t` and `1 - beta2^t`, `[3]`. */
  rates: tf.Tensor1D;
};
type UpdateOutput = { parameters: TensorMap; first: TensorMap; second: TensorMap; norm: tf.Tensor };

/** The optimizer's state: first and second moments, and the number of updates taken. */
export class AdamW {
  private readonly update: CompiledStep<UpdateInput, UpdateOutput>;
  private first: TensorMap = {};
  private second: TensorMap = {};
  private updates = 0;

  constructor(private readonly settings: AdamWSettings) {
    this.update = compile('adamw', adamwUpdate, settings);
  }

  /**
   * Takes one update. It replaces the tensors in `parameters`, frees the old ones unless `keep` holds them, and frees the
   * gradients.
   *
   * @param keep parameters that must survive, such as those of a reference model
   * @returns the global norm of the gradients before clipping
   * @throws Error when the norm is not finite, naming the first tensor with such a gradient; the parameters stay as they were
   */
  apply(
    parameters: TensorMap,
    gradients: TensorMap,
    learningRate: number,
    keep: ReadonlySet<tf.Tensor> = new Set(),
  ): number {
    for (const [name, tensor] of Object.entries(parameters)) {
      if (!gradients[name]) throw new Error(`adamw: parameter '${name}' has no gradient`);
      this.first[name] ??= tf.zerosLike(tensor);
      this.second[name] ??= tf.zerosLike(tensor);
    }
    const t = this.updates + 1;
    const rates = tf.tensor1d([learningRate, 1 - this.settings.beta1 ** t, 1 - this.settings.beta2 ** t]);
    const next = this.update({ parameters, gradients, first: this.first, second: this.second, rates });
    rates.dispose();
    const norm = next.norm.dataSync()[0] as number;
    next.norm.dispose();
    if (!Number.isFinite(norm)) {
      const culprit = Object.entries(gradients).find(([, g]) => !g.dataSync().every(Number.isFinite))?.[0];
      tf.dispose([next.parameters, next.first, next.second, gradients]);
      throw new Error(
        `the gradient norm is ${norm}; the first tensor with a gradient that is not finite is '${culprit ?? 'none: the norm itself overflowed'}'`,
      );
    }
    tf.dispose([this.first, this.second, gradients]);
    tf.dispose(Object.values(parameters).filter((tensor) => !keep.has(tensor)));
    Object.assign(parameters, next.parameters);
    this.first = next.first;
    this.second = next.second;
    this.updates = t;
    return norm;
  }

  /** The state to save: moments by name as `first/{name}` and `second/{name}`, and the number of updates. */
  state(): { moments: TensorMap; updates: number } {
    const moments: TensorMap = {};
    for (const [name, tensor] of Object.entries(this.first)) moments[`first/${name}`] = tensor;
    for (const [name, tensor] of Object.entries(this.second)) moments[`second/${name}`] = tensor;
    return { moments, updates: this.updates };
  }

  /** Continues from a saved state and takes its tensors over. */
  restore({ moments, updates }: { moments: TensorMap; updates: number }): void {
    tf.dispose([this.first, this.second]);
    this.first = {};
    this.second = {};
    for (const [key, tensor] of Object.entries(moments)) {
      const slash = key.indexOf('/');
      const target = key.slice(0, slash) === 'first' ? this.first : this.second;
      target[key.slice(slash + 1)] = tensor;
    }
    this.updates = updates;
  }

  dispose(): void {
    this.update.dispose();
    tf.dispose([this.first, this.second]);
  }
}

function adamwUpdate(
  { parameters, gradients, first, second, rates }: UpdateInput,
  settings: AdamWSettings,
): UpdateOutput {
  const { beta1, beta2, epsilon, weightDecay, clipNorm } = settings;
  const names = Object.keys(parameters);
  const norm = tf.sqrt(tf.addN(names.map((name) => tf.sum(tf.square(gradients[name]!)))));
  const clip = clipNorm > 0 ? tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-6))) : tf.scalar(1);
  const [rate, correction1, correction2] = tf.unstack(rates) as [tf.Scalar, tf.Scalar, tf.Scalar];
  const out: UpdateOutput = { parameters: {}, first: {}, second: {}, norm };
  for (const name of names) {
    const p = parameters[name]!;
    const g = tf.mul(gradients[name]!, clip);
    const m = tf.add(tf.mul(first[name]!, beta1), tf.mul(g, 1 - beta1));
    const v = tf.add(tf.mul(second[name]!, beta2), tf.mul(tf.square(g), 1 - beta2));
    const step = tf.div(tf.div(m, correction1), tf.add(tf.sqrt(tf.div(v, correction2)), epsilon));
    const decayed = p.rank > 1 && weightDecay > 0 ? tf.mul(p, tf.sub(1, tf.mul(rate, weightDecay))) : p;
    out.parameters[name] = tf.sub(decayed, tf.mul(step, rate));
    out.first[name] = m;
    out.second[name] = v;
  }
  return out;
}
