/** What figures and pages call the tasks and their test sets. */

import type { Task } from '../../tasks/task.js';
import { TASKS, type TaskName, type TestSet } from '../../tasks/tasks.js';

/** The tasks as the paper writes them. */
export const TASK_TITLES = Object.fromEntries(Object.values(TASKS).map(({ name, title }) => [name, title])) as {
  readonly [task in TaskName]: string;
};

/** Names of test sets where there is little room. */
export const SHORT_SETS = Object.fromEntries(
  Object.values<Task>(TASKS).flatMap(({ testSets }) =>
    Object.entries(testSets).map(([set, { shortTitle }]) => [set, shortTitle]),
  ),
) as { readonly [set in TestSet]: string };
