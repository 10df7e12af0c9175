/**
 * Equality of two answers as mathematics: numbers, fractions, roots and terms, plain or in LaTeX, read by mathjs.
 *
 * Two terms are equal where they have the same value at several points: exact for constants, and for polynomials and the
 * like wrong with probability next to 0 (Schwartz 1980, Zippel 1979), without the unbounded rewriting of a simplifier. Decimal
 * numbers are compared digit by digit. Time is bounded by construction, so that no clock decides an answer: short input, shallow
 * nesting, a fixed list of functions without factorials, floating-point arithmetic.
 */
import type { MathNode } from 'mathjs';
import type * as MathJs from 'mathjs/number';
import { Random } from '../engine/random.js';

/** Longer text is not read as mathematics. */
const LONGEST = 200;
/** Nor is deeper nesting of brackets. */
const DEEPEST = 20;
/** Relative and absolute difference up to which two values are the same: float64's, after some operations. */
const [RELATIVE, ABSOLUTE] = [1e-10, 1e-12];
/** Points at which terms with variables are compared: as many with positive values alone as with values of either sign. */
const POINTS = 8;

const FUNCTIONS = new Set([
  'sqrt',
  'cbrt',
  'nthRoot',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'exp',
  'log',
  'log10',
  'abs',
]);
const OPERATORS = new Set(['add', 'subtract', 'multiply', 'divide', 'pow', 'unaryMinus', 'unaryPlus']);
const CONSTANTS: { readonly [name: string]: number } = { pi: Math.PI, e: Math.E };

/** Units that an answer may carry at its end, alone or one per another; they do not change its value. Metres and seconds by their letters follow a number. */
const UNIT =
  'degrees?|deg|units?|(?:kilo|centi|milli)?met(?:er|re)s?|inch(?:es)?|feet|foot|miles?|(?:kilo)?grams?|pounds?|hours?|minutes?|seconds?|dollars?|km|cm|mm|ft|in|kg|min';
const UNITS = new RegExp(
  String.raw`(?<![a-z\\])(?:(?:square|cubic|sq\.?)\s+)?(?:${UNIT}|(?<=[\d)}]\s*)[ms])(?:\s*(?:/|per)\s*(?:${UNIT}|[ms]))?(?:\s*\^?\s*\{?[23]\}?|²|³)?$`,
  'i',
);

/**
 * True where two answers are equal as mathematics, or as text where either is no mathematics: text up to case, white space,
 * compatible characters (NFKC) and a full stop. Longer answers than 200 characters are equal only to the letter.
 *
 * Units at the end are left out, and `x =` at the beginning: `x = 5 cm` is 5. A percentage is its value: 50% is 0.5.
 *
 * @example equalAnswers('\\frac{1}{2}', '0.5') // true
 * @example equalAnswers('x + 1', '1 + x') // true
 */
export function equalAnswers(a: string, b: string): boolean {
  if (a.trim() === b.trim()) return true;
  if (a.length > LONGEST || b.length > LONGEST) return false;
  const [left, right] = [fromLatex(a), fromLatex(b)];
  const [decimal, other] = [decimalOf(left), decimalOf(right)];
  if (decimal !== undefined && other !== undefined) return decimal === other;
  const [term, gold] = [readTerm(left), readTerm(right)];
  return term && gold ? equalTerms(term, gold) : plainText(a) === plainText(b);
}

/** Equal values at every point where the comparison says something, and at one at least. */
function equalTerms(left: Term, right: Term): boolean {
  const names = [...new Set([...left.variables, ...right.variables])].sort();
  const random = new Random(1, 'symbolic equality');
  let compared = 0;
  for (let point = 0; point < (names.length === 0 ? 1 : POINTS); point++) {
    const sign = () => (point % 2 === 1 && random.uniform() < 0.7 ? -1 : 1);
    const scope = Object.fromEntries(names.map((name) => [name, sign() * random.between(0.3, 2.7)]));
    const [x, y] = [left.valueAt(scope), right.valueAt(scope)];
    const [known, alsoKnown] = [Number.isFinite(x), Number.isFinite(y)];
    // Outside a function's range both may be undefined, and left of 0 one, as in sqrt(x) sqrt(y) against sqrt(x y); such a
    // point says nothing.
    if (names.length > 0 && ((!known && !alsoKnown) || (point % 2 === 1 && known !== alsoKnown))) continue;
    if (!known || !alsoKnown) return false;
    if (Math.abs(x - y) > Math.max(ABSOLUTE, RELATIVE * Math.max(Math.abs(x), Math.abs(y)))) return false;
    compared++;
  }
  return compared > 0;
}

function plainText(text: string): string {
  return unwrapped(text)
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/ ?([,;()[\]{}]) ?/g, '$1')
    .trim();
}

/** A plain decimal number's digits without what does not count, or undefined where the text is something else. */
function decimalOf(text: string | undefined): string | undefined {
  const [, sign, whole, part = ''] = /^([+-]?)(\d+|(?=\.\d))(?:\.(\d*))?$/.exec(text ?? '') ?? [];
  if (whole === undefined) return undefined;
  const digits = `${whole.replace(/^0+/, '')}.${part.replace(/0+$/, '')}`;
  return sign === '-' && digits !== '.' ? `-${digits}` : digits;
}

interface Term {
  variables: Set<string>;
  valueAt(scope: { readonly [variable: string]: number }): number;
}

let mathjs: typeof MathJs | undefined;

/** The term that a plain expression says, or undefined where it is no mathematics that is read here. */
function readTerm(plain: string | undefined): Term | undefined {
  if (plain === undefined || !/^[\d.\s+\-*/^()a-z,]+$/i.test(plain) || depth(plain) > DEEPEST) return undefined;
  // Loaded when first needed: most tasks never compare terms.
  mathjs ??= require('mathjs/number') as typeof MathJs;
  let node: MathNode;
  try {
    node = mathjs.parse(plain);
  } catch {
    return undefined;
  }
  const variables = new Set<string>();
  if (!isPlainTerm(node, variables)) return undefined;
  const compiled = node.compile();
  return {
    variables,
    valueAt(scope) {
      try {
        const value: unknown = compiled.evaluate({ ...CONSTANTS, ...scope });
        return typeof value === 'number' ? value : Number.NaN;
      } catch {
        return Number.NaN;
      }
    },
  };
}

function depth(text: string): number {
  let [open, most] = [0, 0];
  for (const character of text) {
    if (character === '(') most = Math.max(most, ++open);
    else if (character === ')') open--;
  }
  return most;
}

/** True for numbers, one-letter variables, the four operations, powers, and the functions listed; collects the variables. */
function isPlainTerm(node: MathNode, variables: Set<string>): boolean {
  const term = node as unknown as { type: string; fn?: { name?: string } | string; name?: string; value?: unknown };
  const inside = () => {
    let plain = true;
    node.forEach((child, path) => {
      // A function's own name is not a term.
      if (path !== 'fn') plain &&= isPlainTerm(child as MathNode, variables);
    });
    return plain;
  };
  switch (term.type) {
    case 'ConstantNode':
      return typeof term.value === 'number';
    case 'SymbolNode':
      if (term.name! in CONSTANTS) return true;
      if (!/^[a-zA-Z]$/.test(term.name!)) return false;
      variables.add(term.name!);
      return true;
    case 'ParenthesisNode':
      return inside();
    case 'OperatorNode':
      return OPERATORS.has(term.fn as string) && inside();
    case 'FunctionNode':
      return FUNCTIONS.has((term.fn as { name?: string })?.name ?? '') && inside();
    default:
      return false;
  }
}

/** Without the marks around an answer: dollar signs, `\boxed{}`, `\text{}`, a full stop. */
function unwrapped(text: string): string {
  return text
    .trim()
    .replace(/\.$/, '')
    .replace(/^(?:\$+|\\[([])|(?:\$+|\\[)\]])$/g, '')
    .replace(/^\s*\\boxed\s*\{(.*)\}\s*$/s, '$1')
    .replace(/\\(?:text|mathrm|mbox|textbf|mathbf)\s*\{([^{}]*)\}/g, ' $1 ')
    .trim()
    .replace(/\.$/, '');
}

/** LaTeX and everyday writing as a mathjs expression; undefined where a command is left over. */
function fromLatex(text: string): string | undefined {
  let s = unwrapped(text)
    .replace(/\\(?:left|right|displaystyle|,|;|!|:| )/g, ' ')
    .replace(/\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree/g, '°')
    .replace(/^\s*[a-zA-Z]\s*=\s*/, '')
    .replace(/\\(sin|cos|tan)\s*(\d+(?:\.\d+)?°?)/g, '$1($2)')
    .trim()
    .replace(UNITS, '')
    .replace(/(\d),(?=\d{3}(?!\d))/g, '$1')
    .replace(/[−–]/g, '-')
    .replace(/[×·]|\\(?:cdot|times)(?![a-zA-Z])/g, '*')
    .replace(/÷|\\div(?![a-zA-Z])/g, '/')
    .replace(/√\s*(\d+)/g, 'sqrt($1)')
    .replace(/²/g, '^2')
    .replace(/³/g, '^3')
    .replace(/π|\\pi(?![a-zA-Z])/g, ' pi ')
    .replace(/\\(sin|cos|tan|exp)(?![a-zA-Z])/g, '$1')
    .replace(/\\ln(?![a-zA-Z])/g, 'log')
    .replace(/\|([^|]+)\|/g, 'abs($1)')
    .replace(/\\?%\s*$/, '/100')
    // Mixed numbers: 1 1/2 is 3/2.
    .replace(/^(\s*-?\s*)(\d+)\s+(\d+\s*\/\s*\d+)\s*$/, '$1($2+$3)')
    .replace(/^(\s*-?\s*)(\d+)\s*(\\[dt]?frac\s*(?:\{\s*\d+\s*\}\s*\{\s*\d+\s*\}|\d\s*\d))\s*$/, '$1($2+$3)');
  // An angle is its number of degrees, but for a function of angles.
  s = s.replaceAll('°', /sin|cos|tan/.test(s) ? '*(pi/180)' : '');
  // From the inside out: each round takes the fractions and roots whose parts hold no further braces.
  for (let round = 0; round < DEEPEST; round++) {
    const before = s;
    s = s
      .replace(/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, '(($1)/($2))')
      .replace(/\\[dt]?frac\s*(\d)\s*(\d)/g, '($1/$2)')
      .replace(/\\sqrt\s*\[([^[\]{}]*)\]\s*\{([^{}]*)\}/g, 'nthRoot($2,$1)')
      .replace(/\\sqrt\s*\{([^{}]*)\}/g, 'sqrt($1)')
      .replace(/\\sqrt\s*(\d)/g, 'sqrt($1)')
      .replace(/\^\s*\{([^{}]*)\}/g, '^($1)');
    if (s === before) break;
  }
  if (/[\\{}]/.test(s)) return undefined;
  return s.trim() === '' ? undefined : s.trim();
}
