/**
 * Rationales of structure perception as an annotator writes them, in whole sentences and with the arithmetic in one expression. The answer
 * can be read back out of one.
 */
import {
  CHOICE_LETTERS,
  resultOf,
  type StructureProgram,
  structureValue,
  THEOREMS,
  type Theorem,
  type TheoremStep,
} from './theorem.js';

/**
 * The rationale, such as "the figure has 50 and 60. the angles of a triangle add to 180, and the value is 180 - (50 + 60) = 70. the
 * answer is option C."
 */
export function writeStructureRationale(program: StructureProgram): string {
  const { givens, choices } = program;
  const value = structureValue(program);
  const answer = choices ? `option ${CHOICE_LETTERS[choices.indexOf(value)]}` : value;
  const worked = workedOut(THEOREMS[program.theorem], givens);
  return `the figure has ${givens.join(' and ')}. ${worked}. the answer is ${answer}.`;
}

/** The sentence that says what holds and what follows: "alternate angles are equal, and the value is 50". */
function workedOut(theorem: Theorem, givens: readonly number[]): string {
  const steps = theorem.steps([...givens]);
  const last = steps.at(-1);
  const value = last ? `${expressionOf(steps)} = ${resultOf(last)}` : givens[0];
  return `${theorem.words}, and the value is ${value}`;
}

/** Steps as one expression, such as "180 - (50 + 60)": each stands in the next in place of its result. */
function expressionOf(steps: readonly TheoremStep[]): string {
  let expression = '';
  let result: number | undefined;
  for (const step of steps) {
    const { left, sign, right } = step;
    const inner = /^\d+ \+/.test(expression) && sign === '+' ? expression : `(${expression})`;
    if (result === undefined) expression = `${left} ${sign} ${right}`;
    // A step has the result before it on its left; only a step that takes it from a whole has it on its right.
    else expression = left === result ? `${inner} ${sign} ${right}` : `${left} ${sign} ${inner}`;
    result = resultOf(step);
  }
  return expression;
}

/**
 * Derives the answer again from a rationale alone: it applies the theorem that the rationale names to the numbers that the figure has
 * according to it. The expression and the value must be what follows.
 *
 * Only the question says which value a letter stands for, so a letter is checked against the question's choices.
 *
 * @param choices the question's choices, if it has some
 * @returns the answer, or the reason, in words, why there is none
 */
export function rederiveStructureRationale(
  cot: string,
  choices?: readonly number[],
): { answer: string } | { fault: string } {
  const [first = '', worked = '', last = '', end, ...rest] = cot.split('.').map((sentence) => sentence.trim());
  if (end !== '' || rest.length > 0) return { fault: 'the rationale is not three sentences' };
  const listed = /^the figure has (\d{1,4}(?: and \d{1,4})*)$/.exec(first);
  if (!listed) return { fault: `'${first}' does not tell the figure's numbers` };
  const givens = listed[1]!.split(' and ').map(Number);
  const named = /^(.+), and the value is [^,]+$/.exec(worked)?.[1];
  const theorem = Object.entries(THEOREMS).find(([, { words }]) => words === named);
  if (!theorem) return { fault: `'${worked}' names no theorem` };
  const [name, { givens: needed }] = theorem;
  if (givens.length !== needed) {
    return { fault: `'${named}' needs ${needed} numbers, but the figure has ${givens.length}` };
  }
  const expected = workedOut(theorem[1], givens);
  if (worked !== expected) return { fault: `'${worked}' stands where '${expected}' follows` };
  const value = structureValue({ theorem: name as keyof typeof THEOREMS, givens });
  const answer = /^the answer is (?:option ([A-D])|(\d+))$/.exec(last);
  if (!answer) return { fault: `'${last}' does not state the answer` };
  const [, letter, number] = answer;
  if (letter === undefined) {
    if (choices) return { fault: 'no choice is made' };
    return number === String(value) ? { answer: String(value) } : { fault: `'${last}', but the value is ${value}` };
  }
  const held = choices?.[CHOICE_LETTERS.indexOf(letter as 'A')];
  if (choices && held !== value) return { fault: `choice ${letter} is ${held}, not ${value}` };
  return { answer: letter };
}
