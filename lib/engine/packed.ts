/**
 * Weights in bfloat16, for which tfjs has no tensors: two numbers lie in each element of an ordinary tensor. They take half the memory
 * of float32, and are widened, which is exact, only where they are used.
 *
 * The tensor that carries them calls itself float32. Its elements are never read as numbers, only moved and taken apart. An int32
 * tensor could carry them too, but TensorFlow keeps int32 inputs of a function in the host's memory, so that on a GPU every step
 * would send the weights across the bus.
 */
import * as tf from '@tensorflow/tfjs';
import { runAfter, runAfterById } from './record.js';
import { DT_BFLOAT16, flagAttribute, isTensorFlow, nodeBackend, typeAttribute } from './tfjs-node.js';

/** A weight of shape `[..., width]` in bfloat16. */
export type PackedWeight = {
  /** `[..., width / 2]`; of each pair of neighbours the first lies in the lower two bytes. */
  readonly packed: tf.Tensor;
};

/** A weight as it is held: in float32, or packed. A packed one takes no gradient. */
export type Weight = tf.Tensor | PackedWeight;

/** True of a weight in bfloat16. */
export function isPacked(weight: Weight): weight is PackedWeight {
  return !(weight instanceof tf.Tensor);
}

/**
 * True where a weight of this shape can be packed: a matrix, or a tensor of more axes, whose last axis is even, and TensorFlow
 * computes. Norms and biases, which are small, stay float32.
 */
export function canBePacked(shape: readonly number[]): boolean {
  return isTensorFlow() && shape.length > 1 && shape[shape.length - 1]! % 2 === 0;
}

/** The shape of the tensor that carries a packed weight. */
export function packedShape(shape: readonly number[]): number[] {
  return [...shape.slice(0, -1), shape[shape.length - 1]! / 2];
}

/** The shape of a weight's numbers. */
export function shapeOf(weight: Weight): number[] {
  if (!isPacked(weight)) return weight.shape;
  const { shape } = weight.packed;
  return [...shape.slice(0, -1), 2 * shape[shape.length - 1]!];
}

/** The tensor that holds a weight, in float32 or packed: what is kept, freed and handed to a compiled step. */
export function tensorOf(weight: Weight): tf.Tensor {
  return isPacked(weight) ? weight.packed : weight;
}

/** The same weight with the tensor that holds it put through `f`, which must leave the last axis as it is. */
export function mapTensor(weight: Weight, f: (tensor: tf.Tensor) => tf.Tensor): Weight {
  return isPacked(weight) ? { packed: f(weight.packed) } : f(weight);
}

/** The weight as a float32 tensor: itself where it is one, else a new tensor of the same numbers. It takes no gradient. */
export function widen(weight: Weight): tf.Tensor {
  if (!isPacked(weight)) return weight;
  const halves = unpack(weight);
  const wide = castToFloat32(halves);
  nodeBackend().binding.deleteTensor(halves);
  return wide;
}

/** A new float32 tensor of the numbers of a bfloat16 one. */
function castToFloat32(halves: number): tf.Tensor {
  const backend = nodeBackend();
  const { binding } = backend;
  const attributes = [
    typeAttribute('SrcT', DT_BFLOAT16),
    typeAttribute('DstT', binding.TF_FLOAT),
    flagAttribute('Truncate', false),
  ];
  const [wide] = binding.executeOp('Cast', attributes, [halves], 1);
  return backend.createOutputTensor(wide!);
}

/**
 * The weight's rows in blocks, none of which is widened yet.
 *
 * @param sizes rows of each block
 * @returns functions, each to be called once, that widen a block; inside a compiled step not before `dependency` is there
 */
export function rowBlocks(weight: PackedWeight, sizes: readonly number[]): ((dependency: tf.Tensor) => tf.Tensor)[] {
  const backend = nodeBackend();
  const { binding } = backend;
  const halves = unpack(weight);
  const [lengths, axis] = [tf.tensor1d([...sizes], 'int32'), tf.scalar(0, 'int32')];
  const attributes = [
    { name: 'num_split', type: binding.TF_ATTR_INT, value: sizes.length },
    typeAttribute('T', DT_BFLOAT16),
    typeAttribute('Tlen', binding.TF_INT32),
  ];
  const inputs = [halves, ...backend.getInputTensorIds([lengths, axis])];
  // Blocks of whole rows share the weight's memory.
  const blocks = binding.executeOp('SplitV', attributes, inputs, sizes.length);
  binding.deleteTensor(halves);
  tf.dispose([lengths, axis]);
  return blocks.map(({ id }) => (dependency) => {
    const held = runAfterById(id, DT_BFLOAT16, dependency);
    const wide = castToFloat32(held);
    for (const used of new Set([id, held])) binding.deleteTensor(used);
    return wide;
  });
}

/**
 * The same, and inside a compiled step a packed weight is widened only once `dependency` is there (see `runAfter`). Weights are inputs
 * of a step, so that otherwise all of them could be widened when it starts, and would lie in memory until their turn.
 */
export function widenAfter(weight: Weight, dependency: tf.Tensor): tf.Tensor {
  return isPacked(weight) ? widen({ packed: runAfter(weight.packed, dependency) }) : weight;
}

/**
 * The binding's number of a bfloat16 tensor in the shape of the weight. It shares the memory of the packed one. The caller deletes it.
 */
export function unpack(weight: PackedWeight): number {
  const backend = nodeBackend();
  const { binding } = backend;
  const [carrier] = backend.getInputTensorIds([weight.packed]) as [number];
  const types = [typeAttribute('T', binding.TF_FLOAT), typeAttribute('type', DT_BFLOAT16)];
  const [pairs] = binding.executeOp('Bitcast', types, [carrier], 1);
  const shape = tf.tensor1d(shapeOf(weight), 'int32');
  const [places] = backend.getInputTensorIds([shape]) as [number];
  const shapeTypes = [typeAttribute('T', DT_BFLOAT16), typeAttribute('Tshape', binding.TF_INT32)];
  const [halves] = binding.executeOp('Reshape', shapeTypes, [pairs!.id, places], 1);
  binding.deleteTensor(pairs!.id);
  shape.dispose();
  return halves!.id;
}
