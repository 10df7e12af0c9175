/** Figures worked out in the base model's own notation, as its pretraining shows them. The answer can be read back out of one. */
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
 * Derives the answer again from a solution alone: it applies the theorem that the solution names to the numbers that are given according
 * to it. Every step must be what follows.
 *
 * Only the question says which value a letter stands for. Without its choices the letter is not checked here, but where the answer is
 * compared with the truth.
 *
 * @param choices the question's choices, if it has some
 * @returns the answer, or the reason, in words, why there is none
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
    const stated = worked.shift();
    if (stated !== expected) return { fault: `'${stated ?? ''}' stands where '${expected}' follows` };
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
