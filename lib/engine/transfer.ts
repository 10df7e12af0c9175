/** Large tensors to and from the host piece by piece, so that no whole copy of one lies beside it. */
import * as tf from '@tensorflow/tfjs';

/** Numbers in a piece, at most (1 MB), but for a single row that is longer. */
const PIECE = 2 ** 18;

/** How many rows, along the first axis, one piece of a tensor of this shape has. */
export function rowsPerPiece(shape: readonly number[]): number {
  return Math.max(1, Math.floor(PIECE / rowLength(shape)));
}

/** Numbers in one row along the first axis; 1 for a vector or a scalar. */
export function rowLength(shape: readonly number[]): number {
  return shape.slice(1).reduce((a, b) => a * b, 1);
}

interface TensorFlowBackend {
  executeSingleOutput(op: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
  binding: { TF_FLOAT: number; TF_ATTR_TYPE: number; TF_ATTR_BOOL: number };
}

/**
 * A float32 tensor from its numbers in order.
 *
 * TensorFlow makes the tensor empty (`Empty`) and writes each piece into it (`InplaceUpdate`). `tf.tensor` would keep the whole
 * array on the host until the tensor's first use and then copy it; `tf.concat` of pieces needs the memory twice.
 *
 * @param pieces of whole rows along the first axis; each may be overwritten when the next is asked for
 * @throws Error when the numbers do not fill the shape
 */
export function uploadTensor(shape: readonly number[], pieces: Iterable<Float32Array>): tf.Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  if (tf.getBackend() !== 'tensorflow' || shape.length === 0 || count === 0)
    return tf.tensor(joined(pieces, count), [...shape], 'float32');
  const backend = tf.backend() as unknown as TensorFlowBackend;
  const { TF_FLOAT, TF_ATTR_TYPE, TF_ATTR_BOOL } = backend.binding;
  const type = (name: string) => ({ name, type: TF_ATTR_TYPE, value: TF_FLOAT });
  const unset = { name: 'init', type: TF_ATTR_BOOL, value: false };
  return tf.tidy(() => {
    let tensor = backend.executeSingleOutput('Empty', [type('dtype'), unset], [tf.tensor1d([...shape], 'int32')]);
    const [width, rows] = [rowLength(shape), shape[0]!];
    let row = 0;
    for (const piece of pieces) {
      const next = row + piece.length / width;
      if (next > rows) throw new Error(`a tensor of shape [${shape}] has no place for ${next * width} numbers`);
      const places = tf.range(row, next, 1, 'int32');
      const values = tf.tensor(piece, [next - row, ...shape.slice(1)]);
      const filled = backend.executeSingleOutput('InplaceUpdate', [type('T')], [tensor, places, values]);
      tf.dispose([tensor, places, values]);
      tensor = filled;
      row = next;
    }
    if (row !== rows) throw new Error(`${row * width} numbers do not fill a tensor of shape [${shape}]`);
    return tensor;
  });
}

function joined(pieces: Iterable<Float32Array>, count: number): Float32Array {
  const whole = new Float32Array(count);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  if (at !== count) throw new Error(`${at} numbers do not fill ${count} places`);
  return whole;
}

/** A float32 tensor's numbers in order, in pieces of whole rows along the first axis. */
export function* downloadTensor(tensor: tf.Tensor): Generator<Float32Array> {
  const rows = tensor.shape[0] ?? 1;
  const each = rowsPerPiece(tensor.shape);
  if (rows <= each) {
    yield tensor.dataSync() as Float32Array;
    return;
  }
  for (let row = 0; row < rows; row += each) {
    const part = tf.slice(tensor, [row], [Math.min(each, rows - row)]);
    yield part.dataSync() as Float32Array;
    part.dispose();
  }
}
