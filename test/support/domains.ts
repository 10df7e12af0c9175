/** The domains of a task. */
import { type TaskName, taskNamed } from '../../lib/tasks/tasks.js';

/** Every domain that a task draws rows from, for training or for a test set. */
export function trainAndTestDomains(task: TaskName): string[] {
  const tested = Object.values(taskNamed(task).testSets).flatMap(({ domains }) => Object.keys(domains));
  return [...new Set(['id', ...tested])];
}
