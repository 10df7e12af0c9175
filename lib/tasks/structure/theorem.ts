/** The theorems of structure perception as steps of arithmetic, from the numbers that a figure gives to the answer. */

/** One step of arithmetic: left and right in whole numbers. */
export interface TheoremStep {
  left: number;
  sign: '+' | '-' | '*' | '/';
  right: number;
}

export interface Theorem {
  /** As rationales and solutions state it, without the full stop. */
  words: string;
  /** How many numbers the figure has to give. */
  givens: number;
  /** The steps to the answer, which is the result of the last. Without steps the answer is the number that the figure gives. */
  steps: (given: number[]) => TheoremStep[];
}

const sum = (left: number, right: number): TheoremStep => ({ left, sign: '+', right });
const difference = (left: number, right: number): TheoremStep => ({ left, sign: '-', right });
const product = (left: number, right: number): TheoremStep => ({ left, sign: '*', right });
const quotient = (left: number, right: number): TheoremStep => ({ left, sign: '/', right });

/** Adds two numbers up and takes them from a whole. */
const rest = (whole: number) => (given: number[]) => {
  const [a, b] = given as [number, number];
  return [sum(a, b), difference(whole, a + b)];
};
const takenFrom = (whole: number) => (given: number[]) => [difference(whole, given[0]!)];
const half = (given: number[]) => [quotient(given[0]!, 2)];

/** Every theorem, by the name that programs keep. */
export const THEOREMS = {
  triangle: { words: 'the angles of a triangle add to 180', givens: 2, steps: rest(180) },
  line: { words: 'the angles on a line add to 180', givens: 2, steps: rest(180) },
  alternate: { words: 'alternate angles are equal', givens: 1, steps: () => [] },
  inside: { words: 'angles between parallel lines add to 180', givens: 1, steps: takenFrom(180) },
  'equal-sides': {
    words: 'equal sides have equal angles that add to 180 with the top',
    givens: 1,
    steps: ([top]) => [difference(180, top!), quotient(180 - top!, 2)],
  },
  'circle-angle': { words: 'an angle on the circle is half the angle at the center', givens: 1, steps: half },
  'rectangle-area': {
    words: 'the area is the product of the sides',
    givens: 2,
    steps: ([a, b]) => [product(a!, b!)],
  },
  parts: { words: 'the whole is the sum of the parts', givens: 2, steps: ([a, b]) => [sum(a!, b!)] },
  ratio: { words: 'the ratio is the long part over the short part', givens: 2, steps: ([a, b]) => [quotient(a!, b!)] },
  midline: { words: 'the middle line is half the base', givens: 1, steps: half },
  quadrilateral: {
    words: 'the angles of a quadrilateral add to 360',
    givens: 3,
    steps: ([a, b, c]) => [sum(a!, b!), sum(a! + b!, c!), difference(360, a! + b! + c!)],
  },
  outside: {
    words: 'an outside angle is the sum of the two far angles',
    givens: 2,
    steps: ([a, b]) => [sum(a!, b!)],
  },
  'right-triangle': { words: 'with a right angle the others add to 90', givens: 1, steps: takenFrom(90) },
  parallelogram: { words: 'next angles of a parallelogram add to 180', givens: 1, steps: takenFrom(180) },
  point: { words: 'the angles at a point add to 360', givens: 2, steps: rest(360) },
  'triangle-area': {
    words: 'the area is half the product of base and height',
    givens: 2,
    steps: ([a, b]) => [product(a!, b!), quotient(a! * b!, 2)],
  },
  trapezoid: {
    words: 'the middle line is half the sum of the bases',
    givens: 2,
    steps: ([a, b]) => [sum(a!, b!), quotient(a! + b!, 2)],
  },
  perimeter: { words: 'the perimeter is sides times length', givens: 2, steps: ([n, a]) => [product(n!, a!)] },
} as const satisfies { [name: string]: Theorem };

export type TheoremName = keyof typeof THEOREMS;

export function resultOf({ left, sign, right }: TheoremStep): number {
  if (sign === '+') return left + right;
  if (sign === '-') return left - right;
  return sign === '*' ? left * right : left / right;
}

/** The question about a figure; plain JSON, kept with the record. */
export interface StructureProgram {
  theorem: TheoremName;
  /** The numbers that the figure gives, in the theorem's order. */
  givens: number[];
  /** The four choices, A to D, if the question gives some. */
  choices?: number[];
}

/** The value asked for, from the figure's numbers alone. */
export function structureValue({ theorem, givens }: StructureProgram): number {
  const last = THEOREMS[theorem].steps(givens).at(-1);
  return last ? resultOf(last) : givens[0]!;
}

/**
 * The answer as it is to be written: a choice's letter, or the number.
 *
 * @throws Error when no choice is right
 */
export function solveStructure(program: StructureProgram): string {
  const value = structureValue(program);
  if (!program.choices) return String(value);
  const index = program.choices.indexOf(value);
  if (index < 0) throw new Error(`none of the choices ${program.choices.join(', ')} is ${value}`);
  return CHOICE_LETTERS[index]!;
}

export const CHOICE_LETTERS = ['A', 'B', 'C', 'D'] as const;

/** Whether an answer is the letter of a choice. This chooses the prompt. */
export function isChoice(answer: string): boolean {
  return /^[A-D]$/.test(answer);
}
