/**
 * Equality of two answers as mathematics: numbers, fractions, roots and terms, plain or in LaTeX, read by mathjs.
 *
 * Two terms are equal where they have the same value at several points: exact for constants, and for polynomials and the
 * like wrong with probability next to 0 (Schwartz 1980, Zippel 1979), without the unbounded rewriting of a simplifier. Time is
 * bounded by construction: short input, shallow nesting, a fixed list of functions, floating-point arithmetic.
 */
import type { MathNode } from 'mathjs';
import type * as MathJs from 'mathjs/number';
import { Random } from '../engine/random.js';

/** Longer text is not read as mathematics. */
const LONGEST = 200;
/** Nor is deeper nesting of brackets. */
const DEEPEST = 20;
/** Relative difference up to which two values are the same: float64's, after some operations. */
const TOLERANCE = 1e-9;
/** Points at which terms with variables are compared. */
const POINTS = 6;

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

/** Units that an answer may carry at its end; they do not change its value. */
const UNITS =
  /\s*(?:(?:square|cubic|sq\.?)\s+)?(?:degrees?|deg|units?|centimet(?:er|re)s?|met(?:er|re)s?|millimet(?:er|re)s?|inches|inch|feet|foot|cm|mm|km|ft|m)(?:\s*\^?\s*\{?[23]\}?|²|³)?\.?$/i;

/**
 * True where two answers are equal as mathematics, or as text up to white space where either is not mathematics.
 *
 * @example equalAnswers('\\frac{1}{2}', '0.5') // true
 * @example equalAnswers('x + 1', '1 + x') // true
 */
export function equalAnswers(a: string, b: string): boolean {
  const [left, right] = [readTerm(a), readTerm(b)];
  if (!left || !right) return plainText(a) === plainText(b);
  const names = [...new Set([...left.variables, ...right.variables])].sort();
  const random = new Random(1, 'symbolic equality');
  let compared = 0;
  for (let point = 0; point < (names.length === 0 ? 1 : POINTS); point++) {
    const scope = Object.fromEntries(names.map((name) => [name, random.between(0.3, 2.7)]));
    const [x, y] = [left.valueAt(scope), right.valueAt(scope)];
    // Outside a function's range both may be undefined; such a point says nothing.
    if (!Number.isFinite(x) && !Number.isFinite(y) && names.length > 0) continue;
    if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
    if (Math.abs(x - y) > TOLERANCE * Math.max(1, Math.abs(x), Math.abs(y))) return false;
    compared++;
  }
  return compared > 0;
}

function plainText(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

interface Term {
  variables: Set<string>;
  valueAt(scope: { readonly [variable: string]: number }): number;
}

let mathjs: typeof MathJs | undefined;

/** The term that a text says, or undefined where it is no mathematics that is read here. */
function readTerm(text: string): Term | undefined {
  if (text.length > LONGEST) return undefined;
  const plain = fromLatex(text);
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
  const each = node as unknown as { type: string; fn?: { name?: string } | string; name?: string; value?: unknown };
  const inside = () => {
    let plain = true;
    node.forEach((child, path) => {
      // A function's own name is not a term.
      if (path !== 'fn') plain &&= isPlainTerm(child as MathNode, variables);
    });
    return plain;
  };
  switch (each.type) {
    case 'ConstantNode':
      return typeof each.value === 'number';
    case 'SymbolNode':
      if (each.name! in CONSTANTS) return true;
      if (!/^[a-zA-Z]$/.test(each.name!)) return false;
      variables.add(each.name!);
      return true;
    case 'ParenthesisNode':
      return inside();
    case 'OperatorNode':
      return OPERATORS.has(each.fn as string) && inside();
    case 'FunctionNode':
      return FUNCTIONS.has((each.fn as { name?: string })?.name ?? '') && inside();
    default:
      return false;
  }
}

/** LaTeX and everyday writing as a mathjs expression; undefined where a command is left over. */
function fromLatex(text: string): string | undefined {
  let s = text
    .trim()
    .replace(/^\$+|\$+$/g, '')
    .replace(/\\(?:left|right|displaystyle|,|;|!|:| )/g, '')
    .replace(/\\(?:text|mathrm|mbox)\{[^{}]*\}(?:\s*\^\s*\{?[23]\}?)?/g, '')
    .replace(/\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree|°/g, '')
    .replace(/^[a-zA-Z]\s*=\s*/, '')
    .replace(UNITS, '')
    .replace(/(\d),(?=\d{3}(?!\d))/g, '$1')
    .replace(/[−–]/g, '-')
    .replace(/[×·]|\\(?:cdot|times)/g, '*')
    .replace(/÷|\\div/g, '/')
    .replace(/√\s*(\d+)/g, 'sqrt($1)')
    .replace(/π|\\pi(?![a-zA-Z])/g, ' pi ')
    .replace(/\\(sin|cos|tan|exp)(?![a-zA-Z])/g, '$1')
    .replace(/\\ln(?![a-zA-Z])/g, 'log')
    .replace(/\\?%\s*$/, '/100')
    .replace(/\.\s*$/, '');
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
  return s.trim() === '' ? undefined : s;
}
