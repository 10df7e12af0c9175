/** Decimal numbers as text: which text is one, and when two are the same number. Rewards and evaluation read numbers here. */

/** A decimal number with an optional exponent, and nothing else; longer digit strings are no number anybody means. */
const DECIMAL = /^([+-]?)(?:(\d{1,30})(?:\.(\d{0,30}))?|\.(\d{1,30}))(?:[eE]([+-]?\d{1,3}))?$/;

/** A decimal number. */
export interface Decimal {
  /** The nearest float64. */
  value: number;
  /** The number itself: two decimals are the same number exactly where these texts are equal. `6`, `6.0` and `60e-1` have one. */
  exact: string;
}

/** The number that a text is; undefined where it is anything else. */
export function readDecimal(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', part = '', bare = '', power = '0'] = match;
  const written = `${whole}${part}${bare}`;
  const digits = written.replace(/0+$/, '');
  const exponent = Number(power) - part.length - bare.length + written.length - digits.length;
  const significant = digits.replace(/^0+/, '');
  const exact = significant === '' ? '0' : `${sign === '-' ? '-' : ''}${significant}e${exponent}`;
  return { value: Number(text), exact };
}

/** True where both texts are decimal numbers, and the same one. Compared digit by digit, so beyond what a float64 holds too. */
export function sameDecimal(a: string, b: string): boolean {
  const number = readDecimal(a);
  return number !== undefined && number.exact === readDecimal(b)?.exact;
}
