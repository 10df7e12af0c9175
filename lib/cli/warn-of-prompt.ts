/** Warns where a checkpoint is asked in other words than those that it was trained with: it then answers worse than it can. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readJsonFile } from '../engine/read-json.js';
import { type SftTarget, styleOfTarget } from '../study/cells/prepared-rows.js';
import type { PromptStyle } from '../tasks/prompts.js';
import type { PromptTexts } from './prompt-options.js';

/** How rows are put to a model: by templates, or in a style of their task's words. */
export interface Asking extends PromptTexts {
  style: PromptStyle;
}

/**
 * How the run that made a checkpoint put its rows to it, by the `run.json` beside the checkpoint's folder; undefined where there is none,
 * or where it is no run of `sft` or `grpo`, whose configuration alone has the texts.
 */
function askingOfTraining(checkpoint: string): Asking | undefined {
  const file = path.join(path.dirname(path.resolve(checkpoint)), 'run.json');
  if (!existsSync(file)) return undefined;
  const { configuration } = readJsonFile<{ configuration?: unknown }>(file, 'put it back from a copy');
  const { kind, data, target, prompt, system } = (configuration ?? {}) as PromptTexts & {
    kind?: unknown;
    data?: unknown;
    target?: SftTarget;
  };
  if ((kind !== 'sft' && kind !== 'grpo') || data === undefined) return undefined;
  const style = kind === 'sft' ? styleOfTarget(target ?? 'cot') : 'think';
  return { style, ...(prompt === undefined ? {} : { prompt }), ...(system === undefined ? {} : { system }) };
}

/**
 * Says on stderr in which words the run of a checkpoint asked, where they are others than those that it is asked in now.
 *
 * @param styleOption whether the command has an option for the style
 */
export function warnOfOtherPrompt(checkpoint: string, now: Asking, { styleOption = false } = {}): void {
  const before = askingOfTraining(checkpoint);
  if (!before) return;
  const parts: string[] = [];
  if (before.prompt !== now.prompt || (now.prompt === undefined && before.style !== now.style)) {
    parts.push(
      `asked ${promptText(before)}, and this asks ${promptText(now)} (as before: ${promptRemedy(before, now, styleOption)})`,
    );
  }
  if (before.system !== now.system) {
    const remedy = before.system === undefined ? 'leave --system out' : `--system '${before.system}'`;
    parts.push(`had ${systemText(before)}, and this has ${systemText(now)} (as before: ${remedy})`);
  }
  if (parts.length === 0) return;
  process.stderr.write(
    `warning: the run that trained ${checkpoint} ${parts.join('; it ')}. A model answers worse where it is asked in other words than in its training\n`,
  );
}

/** What makes this ask as the run did. */
function promptRemedy(before: Asking, now: Asking, styleOption: boolean): string {
  if (before.prompt !== undefined) return `--prompt '${before.prompt}'`;
  if (now.prompt !== undefined) return before.style === now.style ? 'leave --prompt out' : "--prompt '{{ problem }}'";
  return styleOption ? `--style ${before.style}` : "--prompt '{{ problem }}'";
}

const STYLE_TEXTS: { readonly [style in PromptStyle]: string } = {
  think: "in the words of the rows' task for answers in tags",
  direct: "in the words of the rows' task for the answer alone",
  bare: 'the question alone',
};

function promptText({ prompt, style }: Asking): string {
  return prompt === undefined ? STYLE_TEXTS[style] : `by the template '${prompt}'`;
}

function systemText({ system }: Asking): string {
  return system === undefined ? 'no system turn' : `the system turn '${system}'`;
}
