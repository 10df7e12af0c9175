/** What figures and pages call the tasks, and text in lines that fit. */

import type { TaskName, TestSet } from '../../tasks/tasks.js';

/** The tasks as the paper writes them. */
export const TASK_TITLES: { readonly [task in TaskName]: string } = {
  counting: 'Visual counting',
  structure: 'Structure perception',
  transformation: 'Spatial transformation',
};

/** Names of test sets where there is little room. */
export const SHORT_SETS: { readonly [set in TestSet]: string } = {
  id: 'ID',
  ood: 'OOD',
  'ood-left': 'OOD left',
  'ood-right': 'OOD right',
};

/** Text in lines of at most so many characters, broken between words. */
export function wrapLines(text: string, characters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= characters) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Text as Plotly shows it: it reads a few HTML tags, which a name must not be taken for. */
export function plotlyText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
