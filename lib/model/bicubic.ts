/**
 * Bicubic resizing as Pillow does it, to the bit: the resampling that Qwen2-VL's image processor was trained with.
 *
 * General image libraries agree with Pillow when they shrink an image but not when they enlarge it (libvips differs by up
 * to 72 of 255 levels), and the side of an image is rounded up to whole patches as often as down.
 */
import type { RgbImage } from '../data/image.js';

/** Weights are fixed-point numbers with this many fractional bits: 32, less 8 for a byte and 2 for overshoot. */
const PRECISION = 22;

/** The source span and weights of each target position along one axis. */
interface Kernel {
  /** First source position. */
  first: Int32Array;
  /** Number of source positions. */
  count: Int32Array;
  /** `[target, width]` fixed-point weights. */
  weights: Int32Array;
  width: number;
}

/** Keys' cubic convolution kernel with a = -1/2 (Keys 1981). */
function cubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

/** The kernel from `from` to `to` positions, widened by the scale when it shrinks (antialiasing). */
function kernel(from: number, to: number): Kernel {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const shrink = 1 / stretch;
  const support = 2 * stretch;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * width);
  const raw = new Float64Array(width);
  for (let target = 0; target < to; target++) {
    const center = (target + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const n = Math.min(from, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      raw[i] = cubic((i + start - center + 0.5) * shrink);
      sum += raw[i]!;
    }
    for (let i = 0; i < n; i++) {
      const w = (raw[i]! / sum) * (1 << PRECISION);
      weights[target * width + i] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    first[target] = start;
    count[target] = n;
  }
  return { first, count, weights, width };
}

function toByte(sum: number): number {
  return Math.min(255, Math.max(0, sum >> PRECISION));
}

/**
 * An image of another size, with Pillow's `Image.resize(size, BICUBIC)`: first along the rows, then down the columns.
 * (Pillow 13 swaps the passes for some shapes, which moves single values by one level; earlier versions never do.)
 */
export function resizeBicubic(image: RgbImage, height: number, width: number): RgbImage {
  let { data } = image;
  const half = 1 << (PRECISION - 1);
  if (width !== image.width) {
    const { first, count, weights, width: taps } = kernel(image.width, width);
    const out = new Uint8Array(image.height * width * 3);
    for (let y = 0, at = 0; y < image.height; y++) {
      const row = y * image.width * 3;
      for (let x = 0; x < width; x++, at += 3) {
        let [r, g, b] = [half, half, half];
        let source = row + first[x]! * 3;
        const end = x * taps + count[x]!;
        for (let k = x * taps; k < end; k++, source += 3) {
          const w = weights[k]!;
          r += data[source]! * w;
          g += data[source + 1]! * w;
          b += data[source + 2]! * w;
        }
        out[at] = toByte(r);
        out[at + 1] = toByte(g);
        out[at + 2] = toByte(b);
      }
    }
    data = out;
  }
  if (height !== image.height) {
    const { first, count, weights, width: taps } = kernel(image.height, height);
    const line = width * 3;
    const out = new Uint8Array(height * line);
    for (let y = 0; y < height; y++) {
      const end = y * taps + count[y]!;
      for (let x = 0; x < line; x++) {
        let sum = half;
        let source = first[y]! * line + x;
        for (let k = y * taps; k < end; k++, source += line) sum += data[source]! * weights[k]!;
        out[y * line + x] = toByte(sum);
      }
    }
    data = out;
  }
  return { height, width, data };
}
