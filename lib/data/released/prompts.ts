/** Writes the prompts of released rows: in the kit's words, or in the authors' own from their prompt file. */
import { readFileSync } from 'node:fs';
import type { MetaRecord } from '../../records/record.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { type TaskName, taskNamed } from '../../tasks/tasks.js';
import { releasedRows } from './dataset.js';

/** The user's text of a row. The answer is needed because it chooses the instruction of structure perception. */
export type PromptWriter = (task: TaskName, row: Pick<MetaRecord, 'problem' | 'answer'>, style: PromptStyle) => string;

/**
 * Writes a prompt in the kit's words, which are the same in training and evaluation and for the kit's own rows. The prompts of counting
 * and of numeric structure answers are the released ones to the letter; `readPromptFile` reads the others.
 */
export const writeReleasedPrompt: PromptWriter = (task, { problem, answer }, style) =>
  taskNamed(task).writePrompt({ problem: releasedRows(task).writeQuestion(problem), answer }, style);

/** `NAME = "..."` of a Python file, with either quote, single or tripled. */
const ASSIGNMENT = /^(PROMPT_\w+)\s*=\s*('''|"""|'|")((?:\\[\s\S]|(?!\2)[\s\S])*)\2\s*$/gm;
const ESCAPES: { readonly [letter: string]: string } = { n: '\n', t: '\t', '\n': '' };

/**
 * Reads the authors' words from `utils/prompts.py` of their repository. The file is read as text: nothing in it is run.
 *
 * @throws Error naming the file when it holds no prompt at all. The writer throws when it is asked for a prompt that the file lacks
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
    const name = releasedRows(task).promptName(answer, style);
    const template = templates.get(name);
    if (template === undefined) throw new Error(`${file} holds no ${name}`);
    const [before, after, more] = template.split(/\{(?:Problem|Question)\}/);
    if (after === undefined || more !== undefined)
      throw new Error(`${file}: ${name} must hold {Problem} or {Question} once`);
    return `${before}${problem}${after}`;
  };
}
