/** The three tasks, by their names. */
import type { MetaRecord } from '../records/record.js';
import { COUNTING } from './counting/task.js';
import type { PromptStyle } from './prompts.js';
import { STRUCTURE } from './structure/task.js';
import type { Task } from './task.js';
import { TRANSFORMATION } from './transformation/task.js';

export const TASK_NAMES = ['counting', 'structure', 'transformation'] as const;
export type TaskName = (typeof TASK_NAMES)[number];

/** A task's test sets: in domain; out of domain as one set, or by the camera of the final image. */
export type TestSetOf<T extends TaskName> = 'id' | (T extends 'transformation' ? 'ood-left' | 'ood-right' : 'ood');
export type TestSet = TestSetOf<TaskName>;

/** What tables and figures call the test sets. */
export const TEST_SET_NAMES: { readonly [set in TestSet]: string } = {
  id: 'in domain',
  ood: 'out of domain',
  'ood-left': 'out of domain, left camera',
  'ood-right': 'out of domain, right camera',
};

export const TASKS: { readonly [name in TaskName]: Task<name> } = {
  counting: COUNTING,
  structure: STRUCTURE,
  transformation: TRANSFORMATION,
};

/**
 * The task of a name.
 *
 * @throws Error naming those that exist
 */
export function taskNamed(name: string): Task<TaskName> {
  if (!Object.hasOwn(TASKS, name)) throw new Error(`there is no task '${name}'; choose ${TASK_NAMES.join(', ')}`);
  return TASKS[name as TaskName];
}

/** The names of a task's test sets, in domain first. */
export function testSetsOf(task: TaskName): TestSet[] {
  return Object.keys(TASKS[task].testSets) as TestSet[];
}

/** The domains of a task, those that only test sets hold among them. */
export function domainsOf(task: TaskName): string[] {
  return Object.values(TASKS[task].testSets).flat();
}

/** The user's text of a record, as its task puts it. A record in the meta form, which names no task, is put as counting's are. */
export function recordPrompt(record: MetaRecord & { task?: string }, style: PromptStyle): string {
  return taskNamed(record.task ?? 'counting').writePrompt(record, style);
}
