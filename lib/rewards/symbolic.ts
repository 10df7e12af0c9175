/**
 * Equality of two answers as mathematics: numbers, fractions, roots and terms, plain or in LaTeX, read by mathjs (`latex.ts` writes
 * them as it reads them).
 *
 * Two terms are equal where they have the same value at several points: exact for constants, and for polynomials and the
 * like wrong with probability next to 0 (Schwartz 1980, Zippel 1979), without the unbounded rewriting of a simplifier. Decimal
 * numbers are compared digit by digit. Time is bounded by construction, so that no clock decides an answer: short input, shallow
 * nesting, a fixed list of functions, floating-point arithmetic.
 */
import type { MathNode } from 'mathjs';
import type * as MathJs from 'mathjs/number';
import { Random } from '../engine/random.js';
import { readDecimal } from './decimal.js';
import { readPlain, splitList, tidyAnswer } from './latex.js';

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
const OPERATORS = new Set(['add', 'subtract', 'multiply', 'divide', 'pow', 'unaryMinus', 'unaryPlus', 'factorial']);
/** Numbers that mathjs reads to another base, and double factorials. */
const NOT_DECIMAL = /(?<![\d.a-z])0[xbo]|!\s*!/i;
const CONSTANTS: { readonly [name: string]: number } = { pi: Math.PI, e: Math.E };

/** Longer lists are compared as text. */
const LONGEST_LIST = 16;

/** An answer as it is compared. */
type Reading =
  /** Empty, not a number, or divided by zero: equal to nothing, itself included. */
  | { kind: 'nothing' }
  | { kind: 'list'; brackets: string; elements: Reading[] }
  | { kind: 'value'; text: string; exact?: string; term: Term; unit?: string; name?: string }
  | { kind: 'text'; text: string };

/**
 * True where two answers are equal as mathematics, or as text where either is no mathematics: text up to case, white space,
 * full-width characters and a full stop. Longer answers than 200 characters are equal only to the letter.
 *
 * - A unit at the end and `x =` at the beginning are left out where one of the answers has none: `x = 5 cm` is 5, and `5 m` is not.
 * - A percentage is its value: 50% is 0.5.
 * - `1,000` and `1 000` are one number where they stand alone in groups of three digits; elsewhere a comma parts a list: `(3,100)` is a
 *   pair. Lists are equal element by element, with the same brackets; `\{1, 2\}` is a set, whose order does not count.
 * - What is empty, `NaN` or divided by zero is equal to nothing, not to itself either.
 *
 * @example equalAnswers('\\frac{1}{2}', '0.5') // true
 * @example equalAnswers('x + 1', '1 + x') // true
 */
export function equalAnswers(a: string, b: string): boolean {
  const toTheLetter = a.trim() === b.trim();
  if (a.length > LONGEST || b.length > LONGEST) return toTheLetter;
  const [left, right] = [readAnswer(a), readAnswer(b)];
  if (left.kind === 'nothing' || right.kind === 'nothing') return false;
  return toTheLetter || equalReadings(left, right);
}

function readAnswer(answer: string): Reading {
  const tidy = tidyAnswer(answer);
  if (/^(?:[+-]?nan)?$/i.test(tidy)) return { kind: 'nothing' };
  const { text, expression, ...qualities } = readPlain(tidy);
  const list = expression === undefined || expression.includes(',') ? splitList(tidy) : undefined;
  if (list && list.elements.length <= LONGEST_LIST && !list.elements.includes('')) {
    const elements = list.elements.map(readAnswer);
    const undefinedPart = elements.find(({ kind }) => kind === 'nothing');
    return undefinedPart ?? { kind: 'list', brackets: list.brackets, elements };
  }
  const term = readTerm(expression);
  if (!term) return { kind: 'text', text };
  if (term.dividesByZero) return { kind: 'nothing' };
  const exact = readDecimal(expression!)?.exact;
  // Of digits beyond those of a number, a float64 would see the first 16.
  if (exact === undefined && /^[+-]?[\d.]+$/.test(expression!)) return { kind: 'text', text };
  return { kind: 'value', text, term, ...(exact && { exact }), ...qualities };
}

function equalReadings(a: Reading, b: Reading): boolean {
  if (a.kind === 'list' && b.kind === 'list') return equalLists(a, b);
  if (a.kind === 'value' && b.kind === 'value') {
    if (differ(a.unit, b.unit) || differ(a.name, b.name)) return false;
    return a.exact !== undefined && b.exact !== undefined ? a.exact === b.exact : equalTerms(a.term, b.term);
  }
  return 'text' in a && 'text' in b && a.text === b.text;
}

function equalLists(
  a: { brackets: string; elements: Reading[] },
  b: { brackets: string; elements: Reading[] },
): boolean {
  if (a.brackets !== b.brackets) return false;
  const [left, right] = [a.elements, b.elements];
  if (a.brackets !== '\\{\\}') return left.length === right.length && left.every((x, i) => equalReadings(x, right[i]!));
  const holds = (set: Reading[], x: Reading) => set.some((y) => equalReadings(x, y));
  return left.every((x) => holds(right, x)) && right.every((y) => holds(left, y));
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
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

/** A term of numbers and variables. */
interface Term {
  variables: Set<string>;
  /** Whether a divisor in it is 0 whatever its variables are. */
  dividesByZero: boolean;
  valueAt(scope: { readonly [variable: string]: number }): number;
}

let mathjs: typeof MathJs | undefined;

/** The term that a plain expression says, or undefined where it is no mathematics that is read here. */
function readTerm(plain: string | undefined): Term | undefined {
  if (plain === undefined || !/^[\d.\s+\-*/^()a-z,!]+$/i.test(plain)) return undefined;
  if (depth(plain) > DEEPEST || NOT_DECIMAL.test(plain)) return undefined;
  // Loaded when first needed: most tasks never compare terms.
  mathjs ??= require('mathjs/number') as typeof MathJs;
  let node: MathNode;
  try {
    node = mathjs.parse(plain);
  } catch {
    return undefined;
  }
  const [variables, divisors] = [new Set<string>(), [] as MathNode[]];
  if (!isPlainTerm(node, variables, divisors)) return undefined;
  const dividesByZero = divisors.some((divisor) => evaluatorOf(divisor)({}) === 0);
  return { variables, dividesByZero, valueAt: evaluatorOf(node) };
}

/** The value of a term as a function of its variables; NaN where a function has none. */
function evaluatorOf(node: MathNode): Term['valueAt'] {
  const compiled = node.compile();
  return (scope) => {
    try {
      const value: unknown = compiled.evaluate({ ...CONSTANTS, ...scope });
      return typeof value === 'number' ? value : Number.NaN;
    } catch {
      return Number.NaN;
    }
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

/** True for numbers, one-letter variables, the four operations, powers, factorials, and the functions listed; collects variables and divisors. */
function isPlainTerm(node: MathNode, variables: Set<string>, divisors: MathNode[]): boolean {
  const term = node as unknown as { type: string; fn?: { name?: string } | string; name?: string; value?: unknown };
  const inside = () => {
    let plain = true;
    node.forEach((child, path) => {
      // A function's own name is not a term.
      if (path !== 'fn') plain &&= isPlainTerm(child as MathNode, variables, divisors);
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
      if (term.fn === 'divide') divisors.push((node as unknown as { args: MathNode[] }).args[1]!);
      return OPERATORS.has(term.fn as string) && inside();
    case 'FunctionNode':
      return FUNCTIONS.has((term.fn as { name?: string })?.name ?? '') && inside();
    default:
      return false;
  }
}
