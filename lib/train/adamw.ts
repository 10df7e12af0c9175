/** AdamW (Loshchilov and Hutter 2019, algorithm 2) with clipping of the global gradient norm, group by group of parameters. */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';
import { deepFreeze } from '../engine/deep-freeze.js';

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

export const ADAMW_DEFAULTS: AdamWSettings = deepFreeze({
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
});

/** One group of parameters, in lists of equal order: groups of equal shapes share a graph, whatever their names. */
type UpdateInput = {
  parameters: tf.Tensor[];
  gradients: tf.Tensor[];
  first: tf.Tensor[];
  second: tf.Tensor[];
  /** The learning rate, `1 - beta1^t`, `1 - beta2^t`, and what gradients are scaled by to be clipped: `[4]`. */
  rates: tf.Tensor1D;
};
type UpdateOutput = { parameters: tf.Tensor[]; first: tf.Tensor[]; second: tf.Tensor[] };

/**
 * Bytes of parameters that are updated together. While a group is updated its old and new tensors lie side by side; of all
 * others one of each kind is held. So an update needs 12 bytes a parameter beside the gradient, and this much more.
 */
export const UPDATE_GROUP_BYTES = 2 ** 26;

/** The optimizer's state: first and second moments, and the number of updates taken. */
export class AdamW {
  private readonly squares: CompiledStep<tf.Tensor[], tf.Tensor>;
  private readonly update: CompiledStep<UpdateInput, UpdateOutput>;
  private first: TensorMap = {};
  private second: TensorMap = {};
  private updates = 0;

  /** @param groupBytes of parameters that are updated together */
  constructor(
    private readonly settings: AdamWSettings,
    private readonly groupBytes = UPDATE_GROUP_BYTES,
  ) {
    this.squares = compile('sums of squares', sumsOfSquares, {});
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
    const groups = updateGroups(parameters, this.groupBytes);
    const norm = this.globalNorm(groups, gradients);
    if (!Number.isFinite(norm)) {
      const culprit = Object.entries(gradients).find(
        ([, gradient]) => !gradient.dataSync().every(Number.isFinite),
      )?.[0];
      tf.dispose(gradients);
      throw new Error(
        `the gradient norm is ${norm}; the first tensor with a gradient that is not finite is '${culprit ?? 'none: the norm itself overflowed'}'`,
      );
    }
    const { beta1, beta2, clipNorm } = this.settings;
    const t = this.updates + 1;
    const clip = clipNorm > 0 ? Math.min(1, clipNorm / (norm + 1e-6)) : 1;
    const rates = tf.tensor1d([learningRate, 1 - beta1 ** t, 1 - beta2 ** t, clip]);
    for (const names of groups) this.updateGroup(names, parameters, gradients, rates, keep);
    rates.dispose();
    this.updates = t;
    return norm;
  }

  /** The Euclidean norm of all gradients together. Tensors are summed in float32, their sums in the order of names in float64. */
  private globalNorm(groups: readonly (readonly string[])[], gradients: TensorMap): number {
    let sum = 0;
    for (const names of groups) {
      const squares = this.squares(names.map((name) => gradients[name]!));
      for (const square of squares.dataSync()) sum += square;
      squares.dispose();
    }
    return Math.sqrt(sum);
  }

  /** Updates some parameters and their moments, and frees the old ones and the gradients. */
  private updateGroup(
    names: readonly string[],
    parameters: TensorMap,
    gradients: TensorMap,
    rates: tf.Tensor1D,
    keep: ReadonlySet<tf.Tensor>,
  ): void {
    const listed = (tensors: TensorMap) => names.map((name) => tensors[name]!);
    const old = {
      parameters: listed(parameters),
      gradients: listed(gradients),
      first: listed(this.first),
      second: listed(this.second),
    };
    const next = this.update({ ...old, rates });
    tf.dispose([old.gradients, old.first, old.second, old.parameters.filter((tensor) => !keep.has(tensor))]);
    names.forEach((name, i) => {
      parameters[name] = next.parameters[i]!;
      this.first[name] = next.first[i]!;
      this.second[name] = next.second[i]!;
    });
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
    this.squares.dispose();
    this.update.dispose();
    tf.dispose([this.first, this.second]);
  }
}

/**
 * The names in groups whose float32 tensors take at most so many bytes together; a larger tensor is a group of its own. Names go
 * in a fixed order, so that neither sums nor groups depend on how the parameters came.
 */
export function updateGroups(parameters: { readonly [name: string]: { size: number } }, mostBytes: number): string[][] {
  const groups: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const name of Object.keys(parameters).sort()) {
    const size = 4 * parameters[name]!.size;
    if (bytes + size > mostBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(name);
    bytes += size;
  }
  return groups;
}

/** The sum of each tensor's squares, `[tensors]`. */
function sumsOfSquares(tensors: tf.Tensor[]): tf.Tensor {
  return tf.stack(tensors.map((tensor) => tf.sum(tf.square(tensor))));
}

function adamwUpdate(
  { parameters, gradients, first, second, rates }: UpdateInput,
  { beta1, beta2, epsilon, weightDecay }: AdamWSettings,
): UpdateOutput {
  const [rate, correction1, correction2, clip] = tf.unstack(rates) as [tf.Scalar, tf.Scalar, tf.Scalar, tf.Scalar];
  const out: UpdateOutput = { parameters: [], first: [], second: [] };
  parameters.forEach((p, i) => {
    const g = tf.mul(gradients[i]!, clip);
    const m = tf.add(tf.mul(first[i]!, beta1), tf.mul(g, 1 - beta1));
    const v = tf.add(tf.mul(second[i]!, beta2), tf.mul(tf.square(g), 1 - beta2));
    const step = tf.div(tf.div(m, correction1), tf.add(tf.sqrt(tf.div(v, correction2)), epsilon));
    const decayed = p.rank > 1 && weightDecay > 0 ? tf.mul(p, tf.sub(1, tf.mul(rate, weightDecay))) : p;
    out.parameters.push(tf.sub(decayed, tf.mul(step, rate)));
    out.first.push(m);
    out.second.push(v);
  });
  return out;
}
