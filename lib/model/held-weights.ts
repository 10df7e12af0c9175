/** How a checkpoint's weights are held in memory: in float32, or in the checkpoint's own 16 bits. */
import * as tf from '@tensorflow/tfjs';
import { canBePacked, isPacked, mapTensor, packedShape, shapeOf, type Weight, widen } from '../engine/packed.js';
import { downloadTensor, rowsPerPiece, uploadTensor } from '../engine/transfer.js';
import { finiteHalves, finitePieces } from './finite-weights.js';
import { roundToBfloat16, widenBfloat16 } from './float16.js';
import type { StoredTensor } from './safetensors.js';

/**
 * The type that weights are held in.
 *
 * - `auto`: matrices that are stored in bfloat16 stay so, and all else is float32. A trainer widens what it trains. The numbers are
 *   those of `float32`, in half the memory;
 * - `float32`: everything;
 * - `bfloat16`: every matrix is rounded to bfloat16, whatever type it is stored in. What a trainer trains begins at the rounded
 *   numbers and is float32 from there.
 *
 * Norms and biases are float32 in each. A matrix whose last axis is odd, and every matrix where wasm computes, is held in float32, with
 * the numbers that it would have in bfloat16.
 */
export type WeightType = 'auto' | 'float32' | 'bfloat16';

/** The names of all types. */
export const WEIGHT_TYPES: readonly WeightType[] = ['auto', 'float32', 'bfloat16'];

/**
 * Brings a stored tensor into memory as a weight of this type. No copy in another type lies beside it.
 *
 * @param place the file or folder that it is read from, for messages
 * @throws Error naming the tensor and the first of its numbers that is not finite
 */
export function loadWeight(
  { name, shape, dtype, pieces, halves }: StoredTensor,
  type: WeightType,
  place: string,
): Weight {
  const floats = () => finitePieces(pieces(), name, place);
  const rounds = type === 'bfloat16' && dtype !== 'BF16' && shape.length > 1;
  if (canBePacked(shape) && type !== 'float32' && (dtype === 'BF16' || rounds)) {
    const numbers = dtype === 'BF16' ? finiteHalves(halves(), name, place) : mapPieces(floats(), roundToBfloat16);
    return { packed: uploadTensor(packedShape(shape), mapPieces(numbers, asCarrier)) };
  }
  return uploadTensor(shape, rounds ? mapPieces(mapPieces(floats(), roundToBfloat16), widened) : floats());
}

/** Reads a weight's numbers in order as float32, in pieces of whole rows along the first axis. */
export function* readWeight(weight: Weight): Generator<Float32Array> {
  if (!isPacked(weight)) {
    yield* downloadTensor(weight);
    return;
  }
  for (const piece of downloadTensor(weight.packed))
    yield widened(new Uint16Array(piece.buffer, piece.byteOffset, 2 * piece.length));
}

/** True where two matrices of one shape hold the same numbers. They are compared piece by piece. */
export function equalWeights(a: Weight, b: Weight): boolean {
  const shape = shapeOf(a);
  const step = rowsPerPiece(shape);
  for (let row = 0; row < shape[0]!; row += step) {
    const rows = (weight: Weight) =>
      widen(mapTensor(weight, (tensor) => tf.slice(tensor, [row], [Math.min(step, shape[0]! - row)])));
    if (!tf.tidy(() => tf.all(tf.equal(rows(a), rows(b))).dataSync()[0] === 1)) return false;
  }
  return true;
}

/** Pairs of bfloat16 numbers as the elements of the tensor that carries them. */
function asCarrier(halves: Uint16Array): Float32Array {
  return new Float32Array(halves.buffer, halves.byteOffset, halves.length / 2);
}

function widened(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  widenBfloat16(halves, floats);
  return floats;
}

function* mapPieces<A, B>(pieces: Iterable<A>, f: (piece: A) => B): Generator<B> {
  for (const piece of pieces) yield f(piece);
}
