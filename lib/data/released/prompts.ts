/** How the questions of the released dataset are put: in the kit's words, or in the authors' own from their prompt file. */
import { readFileSync } from 'node:fs';
import type { PromptStyle } from '../../tasks/prompts.js';
import { type TaskName, taskNamed } from '../../tasks/tasks.js';
import { CHANGE_VALUES } from '../../tasks/transformation/program.js';
import { isChoice } from './answer.js';

/** A row's question and, as it chooses the instruction of structure perception, its answer. */
interface Asked {
  problem: string;
  answer: string;
}

/** The user's text of a row. */
export type PromptWriter = (task: TaskName, row: Asked, style: PromptStyle) => string;

/**
 * What stands before every question of spatial transformation, which lists the objects and no more: the rules of the task, the
 * form of that list, the functions with their values. The contents are those of the released template; the words are ours.
 */
const TRANSFORMATION_RULES = `Two images show a scene before and after some of its objects were changed. Find the changes that lead from the first to the second.

The objects of the first image are listed as tuples (object_id, shape, size, color, material).

The answer is a sequence of one to four function calls, each written func(object_id, value):
${Object.entries(CHANGE_VALUES)
  .map(([kind, values]) => `- change_${kind}(object_id, value), where value is one of ${values.join(', ')}`)
  .join('\n')}

A position is relative to where the object stood in the first image: front, behind, left and right move it straight; front_left, front_right, behind_left and behind_right move it diagonally, between the two.`;

/** The question with all that is needed to answer it, and without an instruction on how to. */
export function releasedQuestion(task: TaskName, problem: string): string {
  return task === 'transformation' ? `${TRANSFORMATION_RULES}\n\n${problem}` : problem;
}

/**
 * The kit's words: the same in training and evaluation, and the same as those of its own rows. The counting prompt and that of
 * numeric structure answers are the released ones to the letter; see `readPromptFile` for the others.
 */
export const writeReleasedPrompt: PromptWriter = (task, { problem, answer }, style) =>
  taskNamed(task).writePrompt({ problem: releasedQuestion(task, problem), answer }, style);

/** Names in the authors' file; structure perception's reasoned prompt depends on the answer. */
const NAMES: { readonly [task in TaskName]: string } = {
  counting: 'PROMPT_VISUAL_COUNTING',
  structure: 'PROMPT_STRUCTURE_PERCEPTION',
  transformation: 'PROMPT_SPATIAL_TRANSFORMATION',
};

/** `NAME = "..."` of a Python file, with either quote, single or tripled. */
const ASSIGNMENT = /^(PROMPT_\w+)\s*=\s*('''|"""|'|")((?:\\[\s\S]|(?!\2)[\s\S])*)\2\s*$/gm;
const ESCAPES: { readonly [letter: string]: string } = { n: '\n', t: '\t', '\n': '' };

/**
 * The authors' words, from `utils/prompts.py` of their repository. The file is read as text: nothing in it is run.
 *
 * Theirs choose the prompt by whether a letter of A to D stands anywhere in the answer (the README) or is the answer (the code);
 * here, as in the code, it has to be the answer.
 *
 * @throws Error naming the file and the prompt that it lacks, here for a file without any, else when a prompt is asked for
 */
export function readPromptFile(file: string): PromptWriter {
  const templates = new Map<string, string>();
  // Python reads a line's end as one character, and the released file has Windows' two.
  const source = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  for (const [, name, , text] of source.matchAll(ASSIGNMENT))
    templates.set(
      name!,
      text!.replace(/\\([\s\S])/g, (_, letter: string) => ESCAPES[letter] ?? letter),
    );
  if (templates.size === 0)
    throw new Error(`${file} holds no prompt; it must be utils/prompts.py of the authors' code`);
  return (task, { problem, answer }, style) => {
    const kind = task === 'structure' && style === 'think' ? (isChoice(answer) ? '_CHOICE' : '_NON_CHOICE') : '';
    const name = `${NAMES[task]}${kind}_${style === 'think' ? 'COT_SFT' : 'ANS_SFT'}`;
    const template = templates.get(name);
    if (template === undefined) throw new Error(`${file} holds no ${name}`);
    const [before, after, more] = template.split(/\{(?:Problem|Question)\}/);
    if (after === undefined || more !== undefined)
      throw new Error(`${file}: ${name} must hold {Problem} or {Question} once`);
    return `${before}${problem}${after}`;
  };
}
