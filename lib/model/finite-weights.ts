/**
 * Stored weights must be numbers: one NaN among them makes every logit NaN, and a model of NaN answers each question wrongly and
 * says nothing.
 */

/**
 * Passes the pieces of a stored tensor on and looks at each number on the way.
 *
 * @param name the tensor's, for the message
 * @param place the file or folder that it is read from, for the message
 * @throws Error naming the tensor, the place and the first number that is not finite
 */
export function* finitePieces(pieces: Iterable<Float32Array>, name: string, place: string): Generator<Float32Array> {
  let before = 0;
  for (const piece of pieces) {
    // A finite number times 0 is 0, any other NaN, and NaN stays in the sum: one addition a number.
    let zero = 0;
    for (let i = 0; i < piece.length; i++) zero += piece[i]! * 0;
    if (Number.isNaN(zero)) {
      const index = piece.findIndex((x) => !Number.isFinite(x));
      throw notFinite(name, place, String(piece[index]), before + index);
    }
    before += piece.length;
    yield piece;
  }
}

/** The bits of a bfloat16 number's exponent: all are set in an infinity and in NaN, and in no other number. */
const EXPONENT = 0x7f80;

/** The same for the bits of bfloat16 numbers. */
export function* finiteHalves(pieces: Iterable<Uint16Array>, name: string, place: string): Generator<Uint16Array> {
  let before = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i++) {
      if ((piece[i]! & EXPONENT) === EXPONENT) throw notFinite(name, place, numberOf(piece[i]!), before + i);
    }
    before += piece.length;
    yield piece;
  }
}

/** What bits with a whole exponent stand for: fraction 0 for an infinity. */
function numberOf(half: number): string {
  if ((half & 0x7f) !== 0) return 'NaN';
  return half & 0x8000 ? '-Infinity' : 'Infinity';
}

function notFinite(name: string, place: string, number: string, index: number): Error {
  return new Error(
    `${place}: '${name}' holds ${number} (number ${index + 1} of the tensor), and a weight must be finite; ` +
      'take an earlier checkpoint, or write or download this one again',
  );
}
