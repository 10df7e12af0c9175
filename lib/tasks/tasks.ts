/** The list of the drawn tasks. To add one, write its object (see README.md beside this file) and name it in `TASKS`. */
import type { DataRow } from '../records/record.js';
import { scoreAnswer } from '../rewards/score-answer.js';
import { COUNTING } from './counting/task.js';
import { defineTask } from './define-task.js';
import { type PromptStyle, writeAnyPrompt } from './prompts.js';
import { STRUCTURE } from './structure/task.js';
import type { DrawnTask, TestSetDescription } from './task.js';
import { TRANSFORMATION } from './transformation/task.js';

/** The task of rows that name none of the others: short answers to any question, in words that fit all of them. */
export const ANY_TASK = defineTask({
  name: 'any',
  title: 'Own rows',
  prompt: ({ problem }, style) => writeAnyPrompt(problem, style),
  rewards: ['accuracy_reward', 'format_reward'],
  score: scoreAnswer,
  testSets: {},
});

/** Every drawn task by its name. */
export const TASKS = {
  counting: COUNTING,
  structure: STRUCTURE,
  transformation: TRANSFORMATION,
} as const satisfies { readonly [name: string]: DrawnTask };

/** The name of one of the tasks. */
export type TaskName = keyof typeof TASKS;
/** The names of the tasks, in the order of figures and tables. */
export const TASK_NAMES = Object.keys(TASKS) as TaskName[];

/** The names of a task's test sets, and of all tasks' test sets. */
export type TestSetOf<T extends TaskName> = keyof (typeof TASKS)[T]['testSets'];
/** The name of a test set of any task. */
export type TestSet = { [T in TaskName]: TestSetOf<T> }[TaskName];

/** The titles of all test sets. Tasks that share the name of a set share its title too. */
export const TEST_SET_NAMES = Object.fromEntries(
  Object.values<DrawnTask>(TASKS).flatMap(({ testSets }) =>
    Object.entries(testSets).map(([set, { title }]) => [set, title]),
  ),
) as { readonly [set in TestSet]: string };

/**
 * The task of a name.
 *
 * @throws Error naming the tasks that there are
 */
export function taskNamed(name: string): DrawnTask<TaskName> {
  if (!Object.hasOwn(TASKS, name)) throw new Error(`there is no task '${name}'; choose ${TASK_NAMES.join(', ')}`);
  return TASKS[name as TaskName];
}

/** The names of a task's test sets, in domain first. */
export function testSetsOf(task: TaskName): TestSet[] {
  return Object.keys(TASKS[task].testSets) as TestSet[];
}

/**
 * A test set of a task.
 *
 * @throws Error naming the test sets that the task has
 */
export function testSetNamed(task: TaskName, set: string): TestSetDescription {
  const { testSets } = taskNamed(task);
  if (!Object.hasOwn(testSets, set))
    throw new Error(`the task ${task} has no test set '${set}'; choose ${Object.keys(testSets).join(', ')}`);
  return testSets[set]!;
}

/** The drawn task that a row names; undefined for a row of any other data, whose column `task` may mean something else or be absent. */
export function taskOfRow({ task }: DataRow): DrawnTask<TaskName> | undefined {
  return typeof task === 'string' && Object.hasOwn(TASKS, task) ? TASKS[task as TaskName] : undefined;
}

/** The user's text of a row: as its task puts the question, and for a row of no drawn task in words that fit any answer. */
export function recordPrompt(row: DataRow, style: PromptStyle): string {
  return (taskOfRow(row) ?? ANY_TASK).writePrompt(row, style);
}
