/**
 * Multimodal rotary positions (M-RoPE, Wang et al. 2024, Qwen2-VL section 2.1): ids on three axes, and their angles.
 *
 * All families count positions in the same way, but for videos, which the kit does not read. They differ in the axis that each
 * frequency follows.
 */
import * as tf from '@tensorflow/tfjs';
import type { ModelConfig } from './configuration.js';
import type { ImageGrid } from './tensors.js';

/** Temporal, height and width position of one token. */
export type Position = [number, number, number];

/**
 * Position ids of a token sequence. Text advances all three axes together. The tokens of an image span its merged grid from the
 * place where the text stopped. Text after the image goes on from the largest id so far plus one.
 *
 * @param tokens token ids, with one image token for each merged patch
 * @param grids the images' grids, in the order in which the images occur
 * @param imageTokenId the id of `<|image_pad|>`
 * @param mergeSize patches a side joined into one token
 * @param start the first position, for a sequence that continues another
 * @throws Error when the image tokens do not fit the grids
 */
export function positionIds(
  tokens: readonly number[],
  grids: readonly ImageGrid[],
  imageTokenId: number,
  mergeSize: number,
  start = 0,
): Position[] {
  const positions: Position[] = [];
  let next = start;
  let image = 0;
  for (let i = 0; i < tokens.length; ) {
    if (tokens[i] !== imageTokenId || image >= grids.length) {
      // An image token behind the last image is one that a model wrote itself, and counts as text (see the GRPO trainer).
      positions.push([next, next, next]);
      next++;
      i++;
      continue;
    }
    const [t, h, w] = grids[image] as ImageGrid;
    const rows = h / mergeSize;
    const columns = w / mergeSize;
    for (let k = 0; k < t * rows * columns; k++, i++) {
      if (tokens[i] !== imageTokenId) {
        throw new Error(
          `image ${image + 1} needs ${t * rows * columns} image tokens, but the prompt holds ${k} in a row`,
        );
      }
      const within = k % (rows * columns);
      positions.push([
        next + Math.floor(k / (rows * columns)),
        next + Math.floor(within / columns),
        next + (within % columns),
      ]);
    }
    next += Math.max(t, rows, columns);
    image++;
  }
  if (image < grids.length) throw new Error(`${grids.length} images were given, but the tokens hold ${image}`);
  return positions;
}

/** The position after the last: one above the largest id, or `start` for an empty sequence. */
export function nextPosition(positions: readonly Position[], start = 0): number {
  return positions.reduce(
    (largest, [temporal, height, width]) => Math.max(largest, temporal + 1, height + 1, width + 1),
    start,
  );
}

/** The rotary frequencies of a head, `theta^(-2i / headSize)` for i below headSize / 2 (Su et al. 2021, section 3.2.2). */
export function rotaryFrequencies({ headSize, ropeTheta }: ModelConfig): number[] {
  const half = headSize / 2;
  return Array.from({ length: half }, (_, i) => ropeTheta ** (-i / half));
}

/** Cosines and sines of rotary angles, each `[batch, 1, tokens, headSize / 2]`. */
export interface RotaryAngles {
  cos: tf.Tensor;
  sin: tf.Tensor;
}

/**
 * The axis that each rotary frequency follows: 0 temporal, 1 height, 2 width. Laid out in sections, the frequencies of an axis stand
 * side by side, `TTT..HHH..WWW`. Interleaved (Bai et al. 2025, Qwen3-VL Technical Report, section 2.1), they alternate, `THWTHW..`,
 * as long as height and width have any left, and the temporal axis has the rest.
 */
export function axisOfFrequency({ headSize, mropeSection, mropeLayout }: ModelConfig): number[] {
  if (mropeLayout === 'sections') return mropeSection.flatMap((size, axis) => Array<number>(size).fill(axis));
  return Array.from({ length: headSize / 2 }, (_, i) => (i < 3 * mropeSection[i % 3]! ? i % 3 : 0));
}

/**
 * The angles of M-RoPE: each frequency times the temporal, the height or the width position.
 *
 * @param positions int32 `[3, batch, tokens]`
 */
export function mropeAngles(positions: tf.Tensor3D, config: ModelConfig): RotaryAngles {
  const frequencies = rotaryFrequencies(config);
  const axes = axisOfFrequency(config);
  // One product for each axis; the frequencies of the others are 0 there.
  const parts = tf.unstack(tf.cast(positions, 'float32')).map((positionsOnAxis, axis) => {
    const own = tf.tensor1d(frequencies.map((frequency, i) => (axes[i] === axis ? frequency : 0)));
    return tf.mul(tf.expandDims(positionsOnAxis, 2), own);
  });
  const angles = tf.expandDims(tf.addN(parts), 1);
  return { cos: tf.cos(angles), sin: tf.sin(angles) };
}
