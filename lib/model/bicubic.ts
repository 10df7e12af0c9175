/**
 * Bicubic resizing of bytes with antialiasing, equal to the bit to torchvision's or to Pillow's. torchvision is the default backend of
 * transformers' Qwen2-VL image processor (5.23); Pillow is its other one, and the default of older releases.
 *
 * Pillow's weights are finer: 0.2 to 0.9 % of values differ from torchvision's, by one level of 255, seldom two. Both resize along
 * the rows first, and cut values that overshoot before they go down the columns. Pillow 13 alone takes the columns first if that is
 * less work. Then up to a third of the values of a noisy image differ, by up to 17 levels, from both of the results here. General
 * image libraries agree with neither when they enlarge (libvips differs by up to 72 levels).
 */
import type { RgbImage } from '../records/image.js';

/** The library whose arithmetic is followed. */
export type Resampling = 'torchvision' | 'pillow';

/** The source span and weights of each target position along one axis. */
interface Kernel {
  /** First source position. */
  first: Int32Array;
  /** Number of source positions. */
  count: Int32Array;
  /** `[target, width]` fixed-point weights. */
  weights: Int32Array;
  width: number;
  /** Fractional bits of the weights. */
  precision: number;
}

/** Keys' cubic convolution kernel with a = -1/2 (Keys 1981). */
function cubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

/**
 * The kernel from `from` to `to` positions. When it shrinks, it is widened by the scale (antialiasing). Pillow's weights have 22
 * fractional bits; torchvision's have as many as leave the largest within 16 bits (ATen's `_compute_index_ranges_int16_weights`).
 */
function kernel(from: number, to: number, resampling: Resampling): Kernel {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const shrink = 1 / stretch;
  const support = 2 * stretch;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const exact = new Float64Array(to * width);
  let largest = 0;
  for (let target = 0; target < to; target++) {
    const center = (target + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const n = Math.min(from, Math.trunc(center + support + 0.5)) - start;
    const offset = target * width;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      exact[offset + i] = cubic((i + start - center + 0.5) * shrink);
      sum += exact[offset + i]!;
    }
    for (let i = 0; i < n; i++) {
      exact[offset + i]! /= sum;
      largest = Math.max(largest, exact[offset + i]!);
    }
    first[target] = start;
    count[target] = n;
  }
  let precision = resampling === 'pillow' ? 22 : 0;
  while (precision < 22 && Math.trunc(0.5 + largest * 2 ** (precision + 1)) < 2 ** 15) precision++;
  const weights = Int32Array.from(exact, (w) => Math.trunc(w * 2 ** precision + (w < 0 ? -0.5 : 0.5)));
  return { first, count, weights, width, precision };
}

function toByte(value: number): number {
  return Math.min(255, Math.max(0, value));
}

/** Resizes an image: first along the rows, then down the columns. Both results are rounded to bytes. */
export function resizeBicubic(
  image: RgbImage,
  height: number,
  width: number,
  resampling: Resampling = 'torchvision',
): RgbImage {
  let { data } = image;
  if (width !== image.width) {
    const { first, count, weights, width: taps, precision } = kernel(image.width, width, resampling);
    const half = 1 << (precision - 1);
    const out = new Uint8Array(image.height * width * 3);
    for (let y = 0, pixel = 0; y < image.height; y++) {
      const row = y * image.width * 3;
      for (let x = 0; x < width; x++, pixel += 3) {
        let [r, g, b] = [half, half, half];
        let source = row + first[x]! * 3;
        const end = x * taps + count[x]!;
        for (let k = x * taps; k < end; k++, source += 3) {
          const w = weights[k]!;
          r += data[source]! * w;
          g += data[source + 1]! * w;
          b += data[source + 2]! * w;
        }
        out[pixel] = toByte(r >> precision);
        out[pixel + 1] = toByte(g >> precision);
        out[pixel + 2] = toByte(b >> precision);
      }
    }
    data = out;
  }
  if (height !== image.height) {
    const { first, count, weights, width: taps, precision } = kernel(image.height, height, resampling);
    const half = 1 << (precision - 1);
    const line = width * 3;
    const out = new Uint8Array(height * line);
    for (let y = 0; y < height; y++) {
      const end = y * taps + count[y]!;
      for (let x = 0; x < line; x++) {
        let sum = half;
        let source = first[y]! * line + x;
        for (let k = y * taps; k < end; k++, source += line) sum += data[source]! * weights[k]!;
        out[y * line + x] = toByte(sum >> precision);
      }
    }
    data = out;
  }
  return { height, width, data };
}
