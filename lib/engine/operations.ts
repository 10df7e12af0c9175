/** The few tensor operations that tfjs lacks or differentiates slowly, each with its gradient in closed form. */
import * as tf from '@tensorflow/tfjs';
import { gradientEngine, packedProduct, type Save, transposedProduct } from './matrix-product.js';
import { isPacked, mapTensor, type Weight, widen } from './packed.js';
import { flagAttribute, isTensorFlow, nodeBackend, type OperationAttribute, typeAttribute } from './tfjs-node.js';

/**
 * `tf.customGrad` with types: `f(inputs, save)` gives the value and its gradient. The gradient may use only tensors that pass
 * through `save`: tfjs frees all others when the forward pass ends.
 */
export function withGradient(
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
  if (!isTensorFlow()) {
    const oneHot = tf.cast(tf.oneHot(targets, logits.shape[1]), 'float32');
    const logs = tf.logSoftmax(logits);
    return [tf.neg(tf.sum(tf.mul(logs, oneHot), 1)), tf.sub(tf.exp(logs), oneHot)];
  }
  const attributes = [typeOf('T', 'float32'), typeOf('Tlabels', 'int32')];
  const operation = 'SparseSoftmaxCrossEntropyWithLogits';
  return nodeBackend().executeMultipleOutputs(operation, attributes, [logits, targets], 2) as [tf.Tensor, tf.Tensor];
}

/** A type attribute of a TensorFlow operation. */
function typeOf(name: string, dtype: 'float32' | 'int32'): OperationAttribute {
  const { TF_FLOAT, TF_INT32 } = nodeBackend().binding;
  return typeAttribute(name, dtype === 'int32' ? TF_INT32 : TF_FLOAT);
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
      const scale = tf.rsqrt(tf.add(meanOfRows(tf.square(x!)), eps));
      const unit = tf.mul(x!, scale);
      save([unit, scale, w!]);
      return {
        value: tf.mul(unit, w!),
        grad: (dy, [unit, scale, w]) => {
          const du = tf.mul(dy, w!);
          const dx = tf.mul(scale!, tf.sub(du, tf.mul(unit!, meanOfRows(tf.mul(du, unit!)))));
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
      const centred = tf.sub(x!, meanOfRows(x!));
      const scale = tf.rsqrt(tf.add(meanOfRows(tf.square(centred)), eps));
      const unit = tf.mul(centred, scale);
      save([unit, scale, w!]);
      return {
        value: tf.add(tf.mul(unit, w!), b!),
        grad: (dy, [unit, scale, w]) => {
          const du = tf.mul(dy, w!);
          const along = tf.mul(unit!, meanOfRows(tf.mul(du, unit!)));
          const dx = tf.mul(scale!, tf.sub(tf.sub(du, meanOfRows(du)), along));
          return [dx, sumRows(tf.mul(dy, unit!)), sumRows(dy)];
        },
      };
    },
    [x, weight, bias],
  );
}

/** The mean over the last axis, which stays with length 1. It has no gradient, and avoids the cast and reshape of `tf.mean`. */
export function meanOfRows(x: tf.Tensor): tf.Tensor {
  if (!isTensorFlow()) return tf.mean(x, -1, true);
  const attributes = [flagAttribute('keep_dims', true), typeOf('T', 'float32'), typeOf('Tidx', 'int32')];
  return nodeBackend().executeSingleOutput('Mean', attributes, [x, tf.tensor1d([x.rank - 1], 'int32')]);
}

/** Sums all axes but the last. */
function sumRows(x: tf.Tensor): tf.Tensor {
  return tf.sum(tf.reshape(x, [-1, x.shape[x.rank - 1] as number]), 0);
}

/**
 * An affine map with the weight stored as PyTorch does. With the engine's precision at bfloat16 the product's factors are
 * rounded to it, forward and backward.
 *
 * A packed weight gives the numbers that the same weight in float32 would give, and takes no gradient. It is widened for each product
 * anew, once the product's other factor is there (see `widenAfter`).
 *
 * @param x `[rows, in]`
 * @param weight `[out, in]`
 * @param bias `[out]`, where there is one
 * @returns `[rows, out]`
 */
export function linear(x: tf.Tensor2D, weight: Weight, bias?: tf.Tensor): tf.Tensor2D {
  const product = isPacked(weight) ? packedProduct(x, weight) : transposedProduct(x, weight as tf.Tensor2D);
  return (bias ? tf.add(product, bias) : product) as tf.Tensor2D;
}

/**
 * Products of the matrices in the last two axes, one for each place in the axes before them, which must be equal in both factors;
 * always float32. `tf.matMul` would bring both factors and the result to three axes and back.
 *
 * @param a `[..., rows, inner]`
 * @param b `[..., inner, columns]`, or `[..., columns, inner]` with `transposeB`
 * @returns `[..., rows, columns]`
 */
export function batchedProduct(a: tf.Tensor, b: tf.Tensor, transposeB = false): tf.Tensor {
  if (!isTensorFlow()) return tf.matMul(a, b, false, transposeB);
  const product = (a: tf.Tensor, b: tf.Tensor, adjointA: boolean, adjointB: boolean) => {
    const attributes = [typeOf('T', 'float32'), flagAttribute('adj_x', adjointA), flagAttribute('adj_y', adjointB)];
    return nodeBackend().executeSingleOutput('BatchMatMulV2', attributes, [a, b]);
  };
  return gradientEngine().runKernelFunc({
    forwardFunc: (_, save) => {
      save([a, b]);
      return product(a, b, false, transposeB);
    },
    backwardsFunc: (dy, [a, b]) => ({
      a: () => product(dy, b!, false, !transposeB),
      b: () => (transposeB ? product(dy, a!, true, false) : product(a!, dy, true, false)),
    }),
    inputs: { a, b },
  });
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

/**
 * Rows of a table by index. tfjs's own gather reads the indices back to check them, which would break a compiled step, so
 * this calls TensorFlow's. On wasm, which lacks the gradient's scatter, a one-hot product does the same.
 *
 * @param table `[entries, width]`; of a packed one only the rows that are taken are widened
 * @param indices int32 `[rows]`, each in [0, entries); not differentiated
 * @returns `[rows, width]`; its gradient adds the rows of dy that came from one entry
 */
export function takeRows(table: Weight, indices: tf.Tensor1D): tf.Tensor2D {
  if (isPacked(table)) return widen(mapTensor(table, (packed) => gatherRows(packed, indices))) as tf.Tensor2D;
  const entries = table.shape[0]!;
  if (!isTensorFlow()) {
    return tf.matMul(tf.cast(tf.oneHot(indices, entries), 'float32'), table as tf.Tensor2D) as tf.Tensor2D;
  }
  const rows = withGradient(
    ([x], save) => {
      save([indices]);
      return {
        value: gatherRows(x!, indices),
        grad: (dy, [indices]) => [tf.unsortedSegmentSum(dy, indices as tf.Tensor1D, entries)],
      };
    },
    [table],
  );
  return rows as tf.Tensor2D;
}

/** TensorFlow's gather along the first axis, without a gradient. */
function gatherRows(table: tf.Tensor, indices: tf.Tensor1D): tf.Tensor {
  const attributes = [typeOf('Tparams', 'float32'), typeOf('Tindices', 'int32'), typeOf('Taxis', 'int32')];
  return nodeBackend().executeSingleOutput('GatherV2', attributes, [table, indices, tf.scalar(0, 'int32')]);
}

/** A tensor's value without its gradient. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return withoutGradient(tf.clone, x) as T;
}

/**
 * The value of a function of a tensor, without a gradient; the function may take operations that have none.
 *
 * @param f gives a tensor of the shape of `x`
 */
export function withoutGradient(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  return withGradient(([input]) => ({ value: f(input!), grad: (dy) => [tf.zerosLike(dy)] }), [x]);
}

/** The k largest entries of each row in falling order, `[rows, k]` values and int32 indices. */
export function topK(x: tf.Tensor2D, k: number): { values: tf.Tensor2D; indices: tf.Tensor2D } {
  const { values, indices } = tf.topk(x, k, true);
  return { values, indices: tf.cast(indices, 'int32') };
}
