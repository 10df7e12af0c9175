/** The words of structure perception: questions, prompts and captions. */
import type { PromptStyle } from '../prompts.js';
import { STRUCTURE_FAMILIES, type StructureFamily } from './families.js';
import type { GeometryFigure } from './figure.js';
import { CHOICE_LETTERS, isChoice, type StructureProgram, THEOREMS } from './theorem.js';

/** The question with its choices, in the words of its domain. */
export function writeStructureQuestion(family: StructureFamily, program: StructureProgram): string {
  const { domain, asks } = STRUCTURE_FAMILIES[family];
  const question = domain === 'id' ? `As shown in the figure, what is ${asks}?` : `Find ${asks}.`;
  if (!program.choices) return question;
  const choices = program.choices.map((value, i) => `${CHOICE_LETTERS[i]}${domain === 'id' ? ':' : '.'} ${value}`);
  return `${question} ${domain === 'id' ? 'Choices:' : 'Options:'} ${choices.join(' ')}`;
}

/** The choices that a question lists, A to D; undefined when it asks for a number. */
export function readChoices(problem: string): number[] | undefined {
  const listed = [...problem.matchAll(/ [A-D][:.] (\d+)/g)].map(([, number]) => Number(number));
  return listed.length > 0 ? listed : undefined;
}

/** As in the released code, one instruction for choices and one for numbers. */
const FORMATS = { choice: 'option', number: 'float number or int number' };

/** The user's text: the question and the style's instruction, chosen by whether the gold answer is a letter. */
export function writeStructurePrompt(problem: string, answer: string, style: PromptStyle): string {
  if (style === 'bare') return problem;
  const choice = isChoice(answer);
  if (style === 'direct') return `${problem} Answer with ${choice ? 'an option' : 'a number'}.`;
  const format = FORMATS[choice ? 'choice' : 'number'];
  return `${problem} Output the thinking process in <think> </think> and final answer (${format}) in <answer> </answer> tags.`;
}

/** The caption: the figure's kind, then its labels from left to right, such as "triangle: 50, x, 60." */
export function writeFigureCaption(figure: GeometryFigure): string {
  return `${figure.kind}: ${figure.labels.map(({ text }) => text).join(', ')}.`;
}

/** Every word and mark of this task's questions, prompts, captions, short questions and solutions. */
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
