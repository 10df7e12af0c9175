/**
 * Reads verl's logs (verl/utils/tracking.py and verl/utils/logger/aggregate_logger.py; read at 0.9.1): the file logger's JSON Lines, and the
 * lines that its console logger prints.
 */
import { readFileSync } from 'node:fs';
import { fieldsOf, parsePythonJson } from './python-json.js';
import type { StepLog } from './step-log.js';

/**
 * Adds the lines of the file logger, each `{"step": 3, "data": {...}}`. A last line that is cut off is left out.
 *
 * @throws Error naming the file and a line of another form
 */
export function addVerlLog(log: StepLog, file: string): void {
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    let row: unknown;
    try {
      row = parsePythonJson(line);
    } catch {
      // The writer may still be at the last line.
      if (i === lines.length - 1) continue;
    }
    const { step, data } = fieldsOf(row) ?? {};
    const values = fieldsOf(data);
    if (typeof step !== 'number' || !Number.isInteger(step) || !values)
      throw new Error(
        `${file}, line ${i + 1} is not of verl's file logger, {"step": ..., "data": {...}}: ${line.slice(0, 120)}; copy the file anew, ` +
          'or remove the line',
      );
    log.add(step, withoutEmptyKl(values));
  }
}

/** A line of the console logger: `step:3 - actor/entropy:0.31 - ...`, behind whatever Ray puts before it. */
const CONSOLE_LINE = /\bstep:(\d+) - (\S+:.*)$/;

/** Adds what the console logger printed; other lines of the output are passed over. @returns how many steps it has */
export function addVerlConsole(log: StepLog, file: string): number {
  const steps = new Set<number>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: Ray colours its prefix.
    const [, step, text] = CONSOLE_LINE.exec(line.replaceAll(/\u001b\[[0-9;]*m/g, '').trimEnd()) ?? [];
    if (step === undefined) continue;
    steps.add(Number(step));
    const values = text!.split(' - ').map((field) => [field.slice(0, field.lastIndexOf(':')), numberOf(field)]);
    log.add(Number(step), withoutEmptyKl(Object.fromEntries(values)));
  }
  return steps.size;
}

/** Whether a text holds a line of the console logger. */
export function isVerlConsole(text: string): boolean {
  return /\bstep:\d+ - \S+\/\S+:/.test(text);
}

/** `0.31`, or `np.float64(0.31)` as NumPy 2 prints its numbers. Null for nan and inf. */
function numberOf(field: string): number | null {
  const text = field.slice(field.lastIndexOf(':') + 1).trim();
  const number = Number(/^np\.\w+\((.*)\)$/.exec(text)?.[1] ?? text);
  return Number.isFinite(number) ? number : null;
}

/** verl 0.8 logs `actor/kl_loss` as 0 where it computes no KL in the loss. That it does shows in `actor/kl_coef`. */
function withoutEmptyKl(values: { readonly [name: string]: unknown }): { [name: string]: unknown } {
  if ('actor/kl_coef' in values || values['actor/kl_loss'] !== 0) return values;
  const { 'actor/kl_loss': _, ...others } = values;
  return others;
}
