/** Large tensors go to and from the host piece by piece, so that no whole copy lies beside a tensor. */
import * as tf from '@tensorflow/tfjs';
import { flagAttribute, isTensorFlow, nodeBackend, typeAttribute } from './tfjs-node.js';

/** A piece holds at most so many numbers (1 MB), except where a single row is longer. */
const PIECE = 2 ** 18;

/** How many rows along the first axis one piece of a tensor of this shape has. */
export function rowsPerPiece(shape: readonly number[]): number {
  return Math.max(1, Math.floor(PIECE / rowLength(shape)));
}

/** Numbers in one row along the first axis; 1 for a vector or a scalar. */
export function rowLength(shape: readonly number[]): number {
  return shape.slice(1).reduce((a, b) => a * b, 1);
}

/**
 * Makes a float32 tensor from its numbers in order.
 *
 * TensorFlow makes the tensor empty (`Empty`) and writes each piece into it (`InplaceUpdate`). `tf.tensor` would keep the whole
 * array on the host until the tensor's first use and then copy it; `tf.concat` of pieces would need the memory twice.
 *
 * @param pieces whole rows along the first axis; a piece may be overwritten when the next is asked for
 * @throws Error when the numbers do not fill the shape
 */
export function uploadTensor(shape: readonly number[], pieces: Iterable<Float32Array>): tf.Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  if (!isTensorFlow() || shape.length === 0 || count === 0)
    return tf.tensor(joinPieces(pieces, count), [...shape], 'float32');
  const backend = nodeBackend();
  const { TF_FLOAT } = backend.binding;
  return tf.tidy(() => {
    // The memory need not be set to zero, since every place is written.
    const attributes = [typeAttribute('dtype', TF_FLOAT), flagAttribute('init', false)];
    let tensor = backend.executeSingleOutput('Empty', attributes, [tf.tensor1d([...shape], 'int32')]);
    const [width, rows] = [rowLength(shape), shape[0]!];
    let row = 0;
    for (const piece of pieces) {
      const next = row + piece.length / width;
      if (next > rows) throw new Error(`a tensor of shape [${shape}] has no place for ${next * width} numbers`);
      const places = tf.range(row, next, 1, 'int32');
      const values = tf.tensor(piece, [next - row, ...shape.slice(1)]);
      const inputs = [tensor, places, values];
      const filled = backend.executeSingleOutput('InplaceUpdate', [typeAttribute('T', TF_FLOAT)], inputs);
      tf.dispose([tensor, places, values]);
      tensor = filled;
      row = next;
    }
    if (row !== rows) throw new Error(`${row * width} numbers do not fill a tensor of shape [${shape}]`);
    return tensor;
  });
}

function joinPieces(pieces: Iterable<Float32Array>, count: number): Float32Array {
  const whole = new Float32Array(count);
  let filled = 0;
  for (const piece of pieces) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  if (filled !== count) throw new Error(`${filled} numbers do not fill ${count} places`);
  return whole;
}

/** Reads a float32 tensor's numbers in order, in pieces of whole rows along the first axis. */
export function* downloadTensor(tensor: tf.Tensor): Generator<Float32Array> {
  const rows = tensor.shape[0] ?? 1;
  const step = rowsPerPiece(tensor.shape);
  if (rows <= step) {
    yield tensor.dataSync() as Float32Array;
    return;
  }
  for (let row = 0; row < rows; row += step) {
    const part = tf.slice(tensor, [row], [Math.min(step, rows - row)]);
    yield part.dataSync() as Float32Array;
    part.dispose();
  }
}
