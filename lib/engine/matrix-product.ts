/**
 * Products of activations with weights, `x w^T`, in the engine's precision, with float32 weights and with packed ones. They call
 * TensorFlow's `MatMul` itself, since `tf.matMul` would wrap the batched one in three reshapes.
 */
import * as tf from '@tensorflow/tfjs';
import { matrixPrecision, shardCount } from './backend.js';
import { isPacked, mapTensor, type PackedWeight, rowBlocks, shapeOf, unpack, type Weight, widen } from './packed.js';
import { runAfter } from './record.js';
import { DT_BFLOAT16, flagAttribute, isTensorFlow, nodeBackend, typeAttribute } from './tfjs-node.js';

/** Keeps tensors of the forward pass for the backward pass. */
export type Save = (tensors: tf.Tensor[]) => void;

interface GradientEngine {
  runKernelFunc(call: {
    forwardFunc: (backend: unknown, save: Save) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => { [input: string]: () => tf.Tensor };
    inputs: { [input: string]: tf.Tensor };
  }): tf.Tensor;
}

/** The part of tfjs that takes an operation with a gradient for each input, which is computed only where it is wanted. */
export function gradientEngine(): GradientEngine {
  return tf.engine() as unknown as GradientEngine;
}

/**
 * `x w^T`, `[rows, in]` and `[out, in]` to `[rows, out]`; its gradient, `dx = dy w` and `dw = dy^T x`. `withGradient` would compute
 * both, but the gradient of a frozen weight must not be computed: under LoRA the frozen weights are the whole model.
 */
export function transposedProduct(x: tf.Tensor2D, w: tf.Tensor2D): tf.Tensor {
  return gradientEngine().runKernelFunc({
    forwardFunc: (_, save) => {
      save([x, w]);
      return productByOutputs(x, w);
    },
    backwardsFunc: (dy, [x, w]) => ({
      x: () => gradientByOutputs(dy as tf.Tensor2D, w!),
      w: () => matrixProduct(dy, x!, true, false),
    }),
    inputs: { x, w },
  });
}

/** `x w^T` with a packed weight; its gradient, `dx = dy w`. */
export function packedProduct(x: tf.Tensor2D, { packed }: PackedWeight): tf.Tensor {
  return gradientEngine().runKernelFunc({
    forwardFunc: (_, save) => {
      save([packed]);
      return productByOutputs(x, { packed });
    },
    // The wait for the gradient also keeps the widened weight of the forward pass from being kept for this one.
    backwardsFunc: (dy, [w]) => ({ x: () => gradientByOutputs(dy as tf.Tensor2D, heldBack({ packed: w! }, dy)) }),
    inputs: { x },
  });
}

/** `x w` of a weight `[in, out]`, `[rows, in]` to `[rows, out]`, without a gradient. */
export function productWithoutGradient(x: tf.Tensor2D, w: tf.Tensor2D): tf.Tensor2D {
  return matrixProduct(x, w, false, false) as tf.Tensor2D;
}

/** A weight of so many numbers is wide: a part of its product takes long enough to be worth a core of its own. */
const WIDE = 2 ** 20;

/**
 * The outputs of each part in which the product with a weight `[out, in]` is computed, `[from, size]`. A batch is cut into rows that
 * compute side by side (see `shardCount`), but a single row, such as the prompt of a large model, leaves all cores but one idle. So
 * a wide weight is cut too. Its parts are views, not copies, and a part of a packed weight is widened on the core that multiplies it.
 */
function outputParts(weight: Weight): [from: number, size: number][] {
  const [outputs, inputs] = shapeOf(weight) as [number, number];
  const count = outputs * inputs < WIDE ? 1 : Math.min(shardCount(), outputs);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * outputs) / count);
    return [from, Math.floor(((i + 1) * outputs) / count) - from];
  });
}

function partOf(weight: Weight, from: number, size: number): Weight {
  if (size === shapeOf(weight)[0]) return weight;
  return mapTensor(weight, (tensor) => tf.slice(tensor, [from, 0], [size, -1]));
}

/** `x w^T`, whose parts stand side by side. */
function productByOutputs(x: tf.Tensor2D, weight: Weight): tf.Tensor {
  const products = outputParts(weight).flatMap(([from, size]) => {
    const part = partOf(weight, from, size);
    return runsInBlocks(x, part) ? productsOfBlocks(x, part) : [matrixProduct(x, heldBack(part, x), false, true)];
  });
  return products.length === 1 ? products[0]! : tf.concat(products, 1);
}

/** `dy w`, the sum over the parts. */
function gradientByOutputs(dy: tf.Tensor2D, weight: Weight): tf.Tensor {
  const parts = outputParts(weight);
  if (parts.length === 1) return matrixProduct(dy, weight, false, false);
  return parts
    .map(([from, size]) => matrixProduct(tf.slice(dy, [0, from], [-1, size]), partOf(weight, from, size), false, false))
    .reduce((sum, part) => tf.add(sum, part));
}

/** A product of at most so many rows, as decoding has them, takes most of its time to read the weight, and not to multiply. */
const FEW_ROWS = 32;
/**
 * Numbers of a weight in one block: 4 MB when they are widened, which a processor's cache holds and the allocator uses again. A very
 * large weight has larger blocks, since each is three operations more in the graph.
 */
const BLOCK = 2 ** 20;
const MOST_BLOCKS = 16;

function runsInBlocks(x: tf.Tensor2D, weight: Weight): boolean {
  if (x.shape[0] > FEW_ROWS || tf.util.sizeFromShape(shapeOf(weight)) <= BLOCK) return false;
  // Nothing is widened for products in bfloat16, and a GPU gains nothing from small products.
  return isTensorFlow() && matrixPrecision() === 'float32' && !nodeBackend().binding.isUsingGpuDevice();
}

/**
 * The products of a few rows with blocks of a weight's rows. A block of a packed weight is widened when the one before it has been
 * used, so that the wide numbers never leave the cache, and two bytes a number come from memory. A float32 weight is cut likewise, so
 * that both give the same numbers.
 */
function productsOfBlocks(x: tf.Tensor2D, weight: Weight): tf.Tensor[] {
  const [rows, width] = shapeOf(weight) as [number, number];
  const rowsPerBlock = Math.max(1, Math.floor(BLOCK / width), Math.ceil(rows / MOST_BLOCKS));
  const count = Math.ceil(rows / rowsPerBlock);
  const sizes = Array.from({ length: count }, (_, i) => Math.min(rowsPerBlock, rows - i * rowsPerBlock));
  const blocks: ((dependency: tf.Tensor) => tf.Tensor)[] = isPacked(weight)
    ? rowBlocks(weight, sizes)
    : tf.split(weight as tf.Tensor2D, sizes, 0).map((block) => () => block);
  let previous: tf.Tensor = x;
  return blocks.map((block) => {
    const wide = block(previous);
    previous = matrixProduct(x, wide, false, true);
    wide.dispose();
    return previous;
  });
}

/** A weight that, if it is packed, is not widened before `dependency` is there (see `widenAfter`). */
function heldBack(weight: Weight, dependency: tf.Tensor): Weight {
  return isPacked(weight) ? mapTensor(weight, (packed) => runAfter(packed, dependency)) : weight;
}

/** A product of two matrices in the engine's precision: with bfloat16, factors and result are rounded to it. */
function matrixProduct(a: tf.Tensor, b: Weight, transposeA: boolean, transposeB: boolean): tf.Tensor {
  if (!isTensorFlow()) return tf.matMul(a as tf.Tensor2D, widen(b) as tf.Tensor2D, transposeA, transposeB) as tf.Tensor;
  const backend = nodeBackend();
  const { binding } = backend;
  const flags = [flagAttribute('transpose_a', transposeA), flagAttribute('transpose_b', transposeB)];
  if (matrixPrecision() === 'float32') {
    const wide = widen(b);
    const ids = backend.getInputTensorIds([a, wide]);
    const [product] = binding.executeOp('MatMul', [typeAttribute('T', binding.TF_FLOAT), ...flags], ids, 1);
    if (wide !== b) wide.dispose();
    return backend.createOutputTensor(product!);
  }
  const cast = (id: number, from: number, to: number) => {
    const attributes = [typeAttribute('SrcT', from), typeAttribute('DstT', to), flagAttribute('Truncate', false)];
    return binding.executeOp('Cast', attributes, [id], 1)[0]!;
  };
  const rounded = (x: Weight) =>
    isPacked(x) ? unpack(x) : cast(backend.getInputTensorIds([x])[0]!, binding.TF_FLOAT, DT_BFLOAT16).id;
  const factors = [rounded(a), rounded(b)];
  const [product] = binding.executeOp('MatMul', [typeAttribute('T', DT_BFLOAT16), ...flags], factors, 1);
  const out = backend.createOutputTensor(cast(product!.id, DT_BFLOAT16, binding.TF_FLOAT));
  for (const id of [...factors, product!.id]) binding.deleteTensor(id);
  return out;
}
