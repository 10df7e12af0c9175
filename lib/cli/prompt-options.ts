/** `--prompt` and `--system`: how rows are put to the model, in words of one's own. */
import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { PreparedRow } from '../study/cells/prepared-rows.js';
import { PromptTemplate } from '../tasks/prompt-template.js';
import { PROMPT_PRESETS } from '../tasks/prompts.js';
import { checkUsage, UsageError } from './usage.js';

export interface PromptFlags {
  prompt?: string;
  system?: string;
}

/** The texts of templates; each is part of what a run is known by. */
export interface PromptTexts {
  prompt?: string;
  system?: string;
}

/** Adds the options to a command that reads rows. */
export function addPromptOptions(command: Command): Command {
  return command
    .option(
      '--prompt <text or file>',
      `what is asked about a row: a template such as "{{ problem }} Answer with one word.", a file of one, or ${Object.keys(PROMPT_PRESETS).join(', ')} (default: the words of the rows' task, or words that fit any answer)`,
    )
    .option('--system <text or file>', "the system's turn, a template too (default: none of the kit's)");
}

/**
 * Reads the templates that the options name. A file that exists is read; any other text stands for itself.
 *
 * @throws UsageError where a text is no template, or the prompt would be the same for every row
 */
export function readPrompts({ prompt, system }: PromptFlags): PromptTexts {
  const texts: PromptTexts = {};
  if (prompt !== undefined) {
    texts.prompt = Object.hasOwn(PROMPT_PRESETS, prompt)
      ? PROMPT_PRESETS[prompt as keyof typeof PROMPT_PRESETS]
      : readText(prompt);
    const template = checkUsage(() => new PromptTemplate(texts.prompt!));
    if (template.isConstant)
      throw new UsageError(
        `--prompt '${prompt}' is the same for every row: it is no file, none of ${Object.keys(PROMPT_PRESETS).join(', ')}, and holds no ` +
          'column of the rows, such as {{ problem }}',
      );
  }
  if (system !== undefined) {
    texts.system = readText(system);
    checkUsage(() => new PromptTemplate(texts.system!, 'the system prompt'));
  }
  return texts;
}

/** The text of a file that exists, without the line break at its end; otherwise the text itself. */
function readText(text: string): string {
  const isFile = text.length < 1000 && statSync(text, { throwIfNoEntry: false })?.isFile();
  return isFile ? readFileSync(text, 'utf8').replace(/\r?\n$/, '') : text;
}

/** Shows the first row as the model is asked about it, so that a slip in a prompt is seen before anything is trained. */
export function showFirstPrompt([first]: readonly PreparedRow[]): void {
  if (!first) return;
  const { id, system, prompt, pictures } = first;
  const indented = (text: string) => text.replaceAll('\n', '\n  | ');
  const count = `${pictures.length} ${pictures.length === 1 ? 'picture' : 'pictures'}`;
  const before = system === undefined ? '' : `\n  system | ${indented(system)}`;
  process.stderr.write(`the first prompt (row '${id}', ${count}):${before}\n  | ${indented(prompt)}\n`);
}
