/** Numbers of 16 bits, which JavaScript has no arrays of: bfloat16 and IEEE 754 binary16, to and from float32. */

/** Widens bfloat16, which is the upper half of a float32. (A plain loop: `from` with a function takes 100 times as long.) */
export function widenBfloat16(halves: Uint16Array, floats: Float32Array): void {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  for (let i = 0; i < words.length; i++) words[i] = halves[i]! << 16;
}

let valuesOfHalves: Float32Array | undefined;

/** Widens IEEE 754 binary16, by a table of all 65,536 values. */
export function widenFloat16(halves: Uint16Array, floats: Float32Array): void {
  valuesOfHalves ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => valueOfHalf(half));
  for (let i = 0; i < floats.length; i++) floats[i] = valuesOfHalves[halves[i]!]!;
}

/** Rounds float32 to bfloat16: to nearest, ties to even. NaN stays NaN. */
export function roundToBfloat16(data: Float32Array): Uint16Array {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const halves = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const word = words[i]!;
    const isNotANumber = (word & 0x7fffffff) > 0x7f800000;
    halves[i] = isNotANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** The value of an IEEE 754 binary16. */
function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
