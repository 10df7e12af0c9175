/** The few tensor operations that tfjs lacks or differentiates slowly, each with its gradient in closed form. */
import * as tf from '@tensorflow/tfjs';
import { matrixPrecision } from './backend.js';

interface TensorFlowBackend {
  executeMultipleOutputs(op: string, attributes: object[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
  executeSingleOutput(op: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
  getInputTensorIds(tensors: tf.Tensor[]): number[];
  createOutputTensor(metadata: { id: number }): tf.Tensor;
  binding: {
    TF_FLOAT: number;
    TF_INT32: number;
    TF_ATTR_TYPE: number;
    TF_ATTR_BOOL: number;
    executeOp(op: string, attributes: object[], inputs: number[], outputs: number): { id: number }[];
    deleteTensor(id: number): void;
  };
}

type Save = (tensors: tf.Tensor[]) => void;

/**
 * `tf.customGrad` with the types of what it really does: `f(...inputs, save)` gives the value and its gradient. Whatever
 * the gradient needs must pass through `save`: tfjs frees all else when the forward pass ends.
 */
function withGradient(
  f: (
    inputs: tf.Tensor[],
    save: Save,
  ) => { value: tf.Tensor; grad: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[] },
  inputs: tf.Tensor[],
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args.pop() as unknown as Save;
    const { value, grad } = f(args as tf.Tensor[], save);
    return { value, gradFunc: grad };
  });
  return operation(...inputs);
}

/**
 * Log-probability of one token a row: `log softmax(logits)[target]`.
 *
 * @param logits `[rows, vocab]`
 * @param targets int32 `[rows]`; not differentiated
 * @returns `[rows]`; its gradient is `(onehot(target) - softmax(logits)) dy`
 */
export function logProbability(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const value = withGradient(
    ([x], save) => {
      const [loss, slope] = softmaxCrossEntropy(x as tf.Tensor2D, targets);
      save([slope]);
      return {
        value: tf.neg(loss),
        grad: (dy, [saved]) => [tf.mul(saved as tf.Tensor, tf.neg(tf.expandDims(dy, 1)))],
      };
    },
    [logits],
  );
  return value as tf.Tensor1D;
}

/** The loss `[rows]` and its derivative in the logits, `softmax - onehot`, `[rows, vocab]`. */
function softmaxCrossEntropy(logits: tf.Tensor2D, targets: tf.Tensor1D): [tf.Tensor, tf.Tensor] {
  if (tf.getBackend() !== 'tensorflow') {
    const oneHot = tf.cast(tf.oneHot(targets, logits.shape[1]), 'float32');
    const logs = tf.logSoftmax(logits);
    return [tf.neg(tf.sum(tf.mul(logs, oneHot), 1)), tf.sub(tf.exp(logs), oneHot)];
  }
  const backend = tf.backend() as unknown as TensorFlowBackend;
  const attributes = [typeAttribute('T', 'float32'), typeAttribute('Tlabels', 'int32')];
  return backend.executeMultipleOutputs('SparseSoftmaxCrossEntropyWithLogits', attributes, [logits, targets], 2) as [
    tf.Tensor,
    tf.Tensor,
  ];
}

/** A type attribute of a TensorFlow operation. */
function typeAttribute(name: string, dtype: 'float32' | 'int32'): object {
  const { binding } = tf.backend() as unknown as TensorFlowBackend;
  return { name, type: binding.TF_ATTR_TYPE, value: dtype === 'int32' ? binding.TF_INT32 : binding.TF_FLOAT };
}

/**
 * Root-mean-square normalisation (Zhang and Sennrich 2019): `x / sqrt(mean(x^2) + eps) * weight`, over the last axis.
 *
 * @param x `[rows, width]`
 * @param weight `[width]`
 */
export function rmsNorm(x: tf.Tensor, weight: tf.Tensor, eps: number): tf.Tensor {
  return withGradient(
    ([x, w], save) => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x!), -1, true), eps));
      const unit = tf.mul(x!, scale);
      save([unit, scale, w!]);
      return {
        value: tf.mul(unit, w!),
        grad: (dy, [unit, scale, w]) => {
          const du = tf.mul(dy, w!);
          const dx = tf.mul(scale!, tf.sub(du, tf.mul(unit!, tf.mean(tf.mul(du, unit!), -1, true))));
          return [dx, sumRows(tf.mul(dy, unit!))];
        },
      };
    },
    [x, weight],
  );
}

/** Layer normalisation over the last axis of `x` `[rows, width]`, with weight and bias `[width]`. */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, eps: number): tf.Tensor {
  return withGradient(
    ([x, w, b], save) => {
      const centred = tf.sub(x!, tf.mean(x!, -1, true));
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps));
      const unit = tf.mul(centred, scale);
      save([unit, scale, w!]);
      return {
        value: tf.add(tf.mul(unit, w!), b!),
        grad: (dy, [unit, scale, w]) => {
          const du = tf.mul(dy, w!);
          const along = tf.mul(unit!, tf.mean(tf.mul(du, unit!), -1, true));
          const dx = tf.mul(scale!, tf.sub(tf.sub(du, tf.mean(du, -1, true)), along));
          return [dx, sumRows(tf.mul(dy, unit!)), sumRows(dy)];
        },
      };
    },
    [x, weight, bias],
  );
}

/** Sums all axes but the last. */
function sumRows(x: tf.Tensor): tf.Tensor {
  return tf.sum(tf.reshape(x, [-1, x.shape[x.rank - 1] as number]), 0);
}

/**
 * An affine map with the weight stored as PyTorch does. With the engine's precision at bfloat16 the product's factors are
 * rounded to it, forward and backward.
 *
 * @param x `[rows, in]`
 * @param weight `[out, in]`
 * @param bias `[out]`, where there is one
 * @returns `[rows, out]`
 */
export function linear(x: tf.Tensor2D, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor2D {
  const product =
    matrixPrecision() === 'bfloat16' ? roundedProduct(x, weight) : tf.matMul(x, weight as tf.Tensor2D, false, true);
  return (bias ? tf.add(product, bias) : product) as tf.Tensor2D;
}

/** x times the transposed weight in bfloat16; its gradient, `dx = dy w` and `dw = dy^T x`, in bfloat16 too. */
function roundedProduct(x: tf.Tensor2D, weight: tf.Tensor): tf.Tensor {
  return withGradient(
    ([x, w], save) => {
      save([x!, w!]);
      return {
        value: bfloat16Product(x!, w!, false, true),
        grad: (dy, [x, w]) => [bfloat16Product(dy, w!, false, false), bfloat16Product(dy, x!, true, false)],
      };
    },
    [x, weight],
  );
}

/** TensorFlow's number for the type bfloat16, which tfjs has no tensors of. */
const DT_BFLOAT16 = 14;

/** A matrix product whose factors and result are rounded to bfloat16; float32 in and out. */
function bfloat16Product(a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): tf.Tensor {
  const backend = tf.backend() as unknown as TensorFlowBackend;
  const { binding } = backend;
  const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
  const flag = (name: string, value: boolean) => ({ name, type: binding.TF_ATTR_BOOL, value });
  const cast = (id: number, from: number, to: number) =>
    binding.executeOp('Cast', [type('SrcT', from), type('DstT', to), flag('Truncate', false)], [id], 1)[0]!;
  const factors = backend.getInputTensorIds([a, b]).map((id) => cast(id, binding.TF_FLOAT, DT_BFLOAT16).id);
  const attributes = [type('T', DT_BFLOAT16), flag('transpose_a', transposeA), flag('transpose_b', transposeB)];
  const [product] = binding.executeOp('MatMul', attributes, factors, 1) as [{ id: number }];
  const out = backend.createOutputTensor(cast(product.id, DT_BFLOAT16, binding.TF_FLOAT));
  for (const id of [...factors, product.id]) binding.deleteTensor(id);
  return out;
}

/**
 * Rotates pairs of features, `(x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin)`, where x1 is the first half of the last
 * axis and x2 the second (the "rotate half" form of Qwen2). The gradient is the rotation by the opposite angle.
 *
 * @param x `[..., size]`
 * @param cos,sin broadcastable to `[..., size / 2]`; not differentiated
 */
export function rotate(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor {
  const turn = (x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor => {
    const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
    return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1);
  };
  return withGradient(
    ([x], save) => {
      save([cos, sin]);
      return { value: turn(x!, cos, sin), grad: (dy, [cos, sin]) => [turn(dy, cos!, tf.neg(sin!))] };
    },
    [x],
  );
}

/** SwiGLU's gate (Shazeer 2020): `gate * sigmoid(gate) * up`, element by element. */
export function swiGlu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  return withGradient(
    ([g, u], save) => {
      const s = tf.sigmoid(g!);
      const silu = tf.mul(g!, s);
      save([s, silu, u!]);
      return {
        value: tf.mul(silu, u!),
        grad: (dy, [s, silu, u]) => {
          // d silu / d gate = s + silu (1 - s)
          const slope = tf.add(s!, tf.mul(silu!, tf.sub(1, s!)));
          return [tf.mul(tf.mul(dy, u!), slope), tf.mul(dy, silu!)];
        },
      };
    },
    [gate, up],
  );
}

/** `x sigmoid(1.702 x)`: the approximation of GELU in the vision tower of Qwen2-VL. */
export function quickGelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));
}

/** GELU in its exact form, `x Phi(x)` (Hendrycks and Gimpel 2016). */
export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
}

/**
 * Rows of a table by index. tfjs's own gather reads the indices back to check them, which would break a compiled step, so
 * this calls TensorFlow's. On wasm, which lacks the gradient's scatter, a one-hot product does the same.
 *
 * @param table `[entries, width]`
 * @param indices int32 `[rows]`, each in [0, entries); not differentiated
 * @returns `[rows, width]`; its gradient adds the rows of dy that came from one entry
 */
export function takeRows(table: tf.Tensor2D, indices: tf.Tensor1D): tf.Tensor2D {
  const entries = table.shape[0];
  if (tf.getBackend() !== 'tensorflow') {
    return tf.matMul(tf.cast(tf.oneHot(indices, entries), 'float32'), table) as tf.Tensor2D;
  }
  const backend = tf.backend() as unknown as TensorFlowBackend;
  const attributes = [
    typeAttribute('Tparams', 'float32'),
    typeAttribute('Tindices', 'int32'),
    typeAttribute('Taxis', 'int32'),
  ];
  const rows = withGradient(
    ([x], save) => {
      save([indices]);
      return {
        value: backend.executeSingleOutput('GatherV2', attributes, [x!, indices, tf.scalar(0, 'int32')]),
        grad: (dy, [indices]) => [tf.unsortedSegmentSum(dy, indices as tf.Tensor1D, entries)],
      };
    },
    [table],
  );
  return rows as tf.Tensor2D;
}

/** A tensor's value without its gradient. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  const value = withGradient(([x]) => ({ value: tf.clone(x!), grad: (dy) => [tf.zerosLike(dy)] }), [x]);
  return value as T;
}

/** The k largest entries of each row in falling order, `[rows, k]` values and int32 indices. */
export function topK(x: tf.Tensor2D, k: number): { values: tf.Tensor2D; indices: tf.Tensor2D } {
  const { values, indices } = tf.topk(x, k, true);
  return { values, indices: tf.cast(indices, 'int32') };
}
