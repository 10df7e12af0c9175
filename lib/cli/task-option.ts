/** `--task`: asked for where a task is made, and only confirmed where records name their task themselves. */
import type { Task } from '../tasks/task.js';
import { TASK_NAMES, type TaskName, taskNamed } from '../tasks/tasks.js';
import { checkUsage, UsageError } from './usage.js';

/** Flags and description of the option that a command needs. */
export const TASK_OPTION = ['--task <name>', TASK_NAMES.join(', ')] as const;

/** The same, of a command that takes all tasks where none is named. */
export const ANY_TASK_OPTION = ['--task <name>', `${TASK_NAMES.join(', ')} (default: all)`] as const;

/** The same, of a command whose records name their task; the option is refused where it says otherwise. */
export const RECORDS_TASK_OPTION = [
  '--task <name>',
  `${TASK_NAMES.join(', ')} (default: the task that the records name)`,
] as const;

/**
 * The task that `--task` names.
 *
 * @throws UsageError naming the tasks that exist
 */
export function askedTask(name: string): Task<TaskName> {
  return checkUsage(() => taskNamed(name));
}

/**
 * The task that the records of a file name.
 *
 * @param asked the name that `--task` gives
 * @throws UsageError where the records are of several tasks, or of another than the one asked for
 */
export function taskOfRecords(
  file: string,
  records: readonly { task: string }[],
  asked: string | undefined,
): Task<TaskName> {
  const names = [...new Set(records.map((record) => record.task))];
  if (names.length > 1) throw new UsageError(`${file} holds records of several tasks: ${names.join(', ')}`);
  if (asked !== undefined && asked !== names[0])
    throw new UsageError(`${file} holds records of task ${names[0]}, not of ${asked}`);
  return askedTask(names[0]!);
}
