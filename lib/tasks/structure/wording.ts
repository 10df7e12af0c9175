/** The words of structure perception: questions, prompts, rationales, and the answer read back out of a rationale. */
import type { PromptStyle } from '../prompts.js';
import { STRUCTURE_FAMILIES, type StructureFamily } from './families.js';
import type { GeometryFigure } from './figure.js';
import { CHOICE_LETTERS, resultOf, type StructureProgram, structureValue, THEOREMS, type Theorem } from './theorem.js';

/** The question; choices stand inside it, put as each source puts them. */
export function writeStructureQuestion(family: StructureFamily, program: StructureProgram): string {
  const { domain, asks } = STRUCTURE_FAMILIES[family];
  const question = domain === 'id' ? `As shown in the figure, what is ${asks}?` : `Find ${asks}.`;
  if (!program.choices) return question;
  const choices = program.choices.map((value, i) => `${CHOICE_LETTERS[i]}${domain === 'id' ? ':' : '.'} ${value}`);
  return `${question} ${domain === 'id' ? 'Choices:' : 'Options:'} ${choices.join(' ')}`;
}

/** The choices that a question lists, A to D; undefined where it asks for a number. */
export function readChoices(problem: string): number[] | undefined {
  const listed = [...problem.matchAll(/ [A-D][:.] (\d+)/g)].map(([, number]) => Number(number));
  return listed.length > 0 ? listed : undefined;
}

/** As in the released code, one instruction for choices and one for numbers. */
const FORMATS = { choice: 'option', number: 'float number or int number' };

/** The user's text: the question and the style's instruction, chosen by whether the gold answer is a letter. */
export function writeStructurePrompt(problem: string, answer: string, style: PromptStyle): string {
  if (style === 'bare') return problem;
  const choice = /^[A-D]$/.test(answer);
  if (style === 'direct') return `${problem} Answer with ${choice ? 'an option' : 'a number'}.`;
  const format = FORMATS[choice ? 'choice' : 'number'];
  return `${problem} Output the thinking process in <think> </think> and final answer (${format}) in <answer> </answer> tags.`;
}

/**
 * The rationale: the numbers that the figure gives, the theorem, each step, the value, and its choice, such as
 * "given: 50, 60. the angles of a triangle add to 180. 50 + 60 = 110. 180 - 110 = 70. value: 70. C: 70."
 */
export function writeStructureRationale(program: StructureProgram): string {
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
 * Re-derives the answer from a rationale alone: the theorem that it names is applied to the numbers that it says are given,
 * and every step has to be what follows.
 *
 * The letter of a choice stands in the question; that it is the right one is seen where the answer is compared with the truth.
 *
 * @param choices the question's choices, where it has some and the letter is to be checked too
 * @returns the answer, or in words why there is none
 */
export function rederiveStructure(cot: string, choices?: readonly number[]): { answer: string } | { fault: string } {
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return { fault: 'the rationale does not end with a full stop' };
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

/** What stands in the figure: its kind, then its labels from left to right: "triangle: 50, x, 60." */
export function writeFigureCaption(figure: GeometryFigure): string {
  return `${figure.kind}: ${figure.labels.map(({ text }) => text).join(', ')}.`;
}

/** Every word and mark that texts of this task can hold, prompts and short questions included. */
export function structureVocabulary(): string[] {
  const texts = [
    ...Object.values(STRUCTURE_FAMILIES).flatMap(({ asks, kinds }) => [asks, ...kinds]),
    ...Object.values(THEOREMS).map(({ words }) => words),
    'As shown in the figure, what is? Find. Choices: Options: A B C D given: value: x + - * / = , ( )',
    writeStructurePrompt('', 'A', 'think'),
    writeStructurePrompt('', '1', 'think'),
    writeStructurePrompt('', 'A', 'direct'),
    writeStructurePrompt('', '1', 'direct'),
    'What is the figure? How many numbers are there? What is the label on the left right? Is 1 there? yes no',
  ];
  const words = texts
    .join(' ')
    .replaceAll(/<\/?\w+>/g, ' ')
    .match(/[A-Za-z]+|[^\sA-Za-z\d]/g) as string[];
  return [...new Set(words)];
}
