/** Figures worked out in the base model's own notation, step by step, as its pretraining shows them; and the answer read back. */
import { CHOICE_LETTERS, resultOf, type StructureProgram, structureValue, THEOREMS, type Theorem } from './theorem.js';

/**
 * The solution: the numbers that the figure gives, the theorem, each step, the value, and its choice, such as
 * "given: 50, 60. the angles of a triangle add to 180. 50 + 60 = 110. 180 - 110 = 70. value: 70. C: 70."
 */
export function writeStructureSolution(program: StructureProgram): string {
  const { words, steps }: Theorem = THEOREMS[program.theorem];
  const value = structureValue(program);
  const sentences = [
    `given: ${program.givens.join(', ')}`,
    words,
    ...steps(program.givens).map((step) => `${step.left} ${step.sign} ${step.right} = ${resultOf(step)}`),
    `value: ${value}`,
  ];
  if (program.choices) sentences.push(`${CHOICE_LETTERS[program.choices.indexOf(value)]}: ${value}`);
  return `${sentences.join('. ')}.`;
}

/**
 * Re-derives the answer from a solution alone: the theorem that it names is applied to the numbers that it says are given,
 * and every step has to be what follows.
 *
 * The letter of a choice stands in the question; that it is the right one is seen where the answer is compared with the truth.
 *
 * @param choices the question's choices, where it has some and the letter is to be checked too
 * @returns the answer, or in words why there is none
 */
export function rederiveStructureSolution(
  cot: string,
  choices?: readonly number[],
): { answer: string } | { fault: string } {
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return { fault: 'the solution does not end with a full stop' };
  const [first = '', named = '', ...worked] = sentences;
  const listed = /^given: (\d{1,4}(?:, \d{1,4})*)$/.exec(first);
  if (!listed) return { fault: `'${first}' does not list the numbers given` };
  const givens = listed[1]!.split(', ').map(Number);
  const theorem: Theorem | undefined = Object.values(THEOREMS).find(({ words }) => words === named);
  if (!theorem) return { fault: `'${named}' is no theorem` };
  if (givens.length !== theorem.givens) {
    return { fault: `'${named}' needs ${theorem.givens} numbers, but ${givens.length} are given` };
  }
  let value = givens[0]!;
  for (const step of theorem.steps(givens)) {
    value = resultOf(step);
    const expected = `${step.left} ${step.sign} ${step.right} = ${value}`;
    const found = worked.shift();
    if (found !== expected) return { fault: `'${found ?? ''}' stands where '${expected}' follows` };
  }
  const stated = worked.shift();
  if (stated !== `value: ${value}`) return { fault: `'${stated ?? ''}' does not state the value ${value}` };
  const choice = worked.shift();
  if (worked.length > 0) return { fault: `'${worked[0]}' comes after the end` };
  if (choice === undefined) return choices ? { fault: 'no choice is made' } : { answer: String(value) };
  const letter = /^([A-D]): (\d+)$/.exec(choice);
  if (!letter || Number(letter[2]) !== value) return { fault: `'${choice}' does not choose ${value}` };
  const held = choices?.[CHOICE_LETTERS.indexOf(letter[1] as 'A')];
  if (choices && held !== value) return { fault: `choice ${letter[1]} is ${held}, not ${value}` };
  return { answer: letter[1]! };
}
