/** What a model is asked about a row: the user's text, and the system's before it. */
import type { DataRow } from '../records/record.js';
import { PromptTemplate } from './prompt-template.js';
import type { PromptStyle } from './prompts.js';
import type { Task } from './task.js';
import { ANY_TASK, taskOfRow } from './tasks.js';

/** How rows are put to a model. */
export interface PromptOptions {
  /** The style of the task's own words. Default: `think`. */
  style?: PromptStyle;
  /** The task that words the questions. Default: the drawn task that the row names, or the words that fit any answer. */
  task?: Pick<Task, 'writePrompt'>;
  /** A template in Jinja that takes the place of the task's words, such as `{{ problem }} Answer with one word.` */
  prompt?: string;
  /** The system's turn, a template too. A row for which it is empty has no such turn. Default: none. */
  system?: string;
}

/** How conversations are asked: their texts are whole prompts, with an instruction of their own if they want one. */
export const WHOLE_TEXTS: PromptOptions = {
  prompt: '{{ problem }}',
  system: '{% if system is defined %}{{ system }}{% endif %}',
};

/** What a model is asked about one row. */
export interface AskedPrompt {
  prompt: string;
  system?: string;
}

/**
 * Makes the function that asks about a row.
 *
 * @throws Error when a template is none, or a row lacks a column that it names
 */
export function promptWriter({ style = 'think', task, prompt, system }: PromptOptions): (row: DataRow) => AskedPrompt {
  const userTemplate = prompt === undefined ? undefined : new PromptTemplate(prompt);
  const systemTemplate = system === undefined ? undefined : new PromptTemplate(system, 'the system prompt');
  return (row) => {
    const text = userTemplate?.render(row) ?? (task ?? taskOfRow(row) ?? ANY_TASK).writePrompt(row, style);
    const before = systemTemplate?.render(row) ?? '';
    return before === '' ? { prompt: text } : { prompt: text, system: before };
  };
}
