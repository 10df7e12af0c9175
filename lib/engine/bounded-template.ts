/**
 * Renders a template in Jinja within bounds. A template is a program that comes with a checkpoint or with data: one that loops for ever,
 * by a slip or by intent, must end in an error and not in a process that hangs.
 */
import vm from 'node:vm';
import { Template } from '@huggingface/jinja';

/** In milliseconds. A conversation or a prompt takes less than one. */
const LONGEST_RENDERING = 5_000;
/** The most numbers that `range` gives in a template. A list of far more would exhaust the memory before the time is over. */
const LONGEST_RANGE = 100_000;

/** Templates call `range` by its name, which the package does not let a variable have from the start. */
const BOUNDED_RANGE = new Template('{% set range = bounded_range %}').parsed.body;

/** Parses a template whose `range` is bounded. @throws Error when it is no Jinja */
export function parseBounded(source: string): Template {
  const template = new Template(source);
  template.parsed.body.unshift(...BOUNDED_RANGE);
  return template;
}

/** What the script below calls; rendering never runs twice at once. */
let work: () => string = () => '';
let context: vm.Context | undefined;
// Only a script's own run can be ended from outside while it is busy; it also ends the functions that it calls.
const script = new vm.Script('work()');

/** What a template is, for messages: its name, and what to do when it comes to no end. */
export interface TemplateKind {
  name: string;
  remedy: string;
}

/** The error of a template that came to no end. */
export class EndlessTemplate extends Error {}

/**
 * Renders a template with some variables.
 *
 * @param template as `parseBounded` gives it
 * @throws Error of the template, or saying which bound it crosses; `EndlessTemplate` when that is its time
 */
export function renderBounded(
  template: Template,
  variables: { [name: string]: unknown },
  { name, remedy }: TemplateKind,
): string {
  context ??= vm.createContext({ work: () => work() });
  work = () => template.render({ ...variables, bounded_range: boundedRange });
  try {
    return script.runInContext(context, { timeout: LONGEST_RENDERING }) as string;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new EndlessTemplate(`${name} came to no end within ${LONGEST_RENDERING / 1000} s: ${remedy}`);
  }
}

/** Python's `range`, of bounded length. */
function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error('the template asks for a range of step 0');
  const length = Math.ceil((to - from) / step);
  if (length > LONGEST_RANGE)
    throw new Error(`the template asks for a range of ${length} numbers; at most ${LONGEST_RANGE} are possible`);
  return Array.from({ length: Math.max(0, length) }, (_, i) => from + i * step);
}
