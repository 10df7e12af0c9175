/** `--task`: asked for where a task is made; where rows name their task themselves it is only confirmed. */
import type { DataRow } from '../records/record.js';
import type { DrawnTask, Task } from '../tasks/task.js';
import { ANY_TASK, TASK_NAMES, type TaskName, taskNamed, taskOfRow } from '../tasks/tasks.js';
import { checkUsage, UsageError } from './usage.js';

/** Flags and description of the option that a command needs. */
export const TASK_OPTION = ['--task <name>', TASK_NAMES.join(', ')] as const;

/** The same, of a command that takes all tasks where none is named. */
export const ANY_TASK_OPTION = ['--task <name>', `${TASK_NAMES.join(', ')} (default: all)`] as const;

/** The same, of a command that reads rows; the option is refused where they name another task. */
export const RECORDS_TASK_OPTION = [
  '--task <name>',
  `${TASK_NAMES.join(', ')} (default: the task that the rows name, if any)`,
] as const;

/**
 * The task that `--task` names.
 *
 * @throws UsageError naming the tasks that exist
 */
export function askedTask(name: string): DrawnTask<TaskName> {
  return checkUsage(() => taskNamed(name));
}

/**
 * The task of the rows of a file: that which `--task` names, or the drawn task that the rows name, or the task of any rows.
 *
 * @param asked the name that `--task` gives
 * @throws UsageError where the rows name several tasks, or another than the one asked for
 */
export function taskOfRows(file: string, rows: readonly DataRow[], asked: string | undefined): Task {
  const tasks = [...new Set(rows.map((row) => taskOfRow(row)))];
  const names = tasks.map((task) => task?.name ?? 'none of the kit');
  if (tasks.length > 1) throw new UsageError(`${file} holds records of several tasks: ${names.join(', ')}`);
  const [task] = tasks;
  if (asked !== undefined && task !== undefined && asked !== task.name)
    throw new UsageError(`${file} holds records of task ${task.name}, not of ${asked}`);
  return asked === undefined ? (task ?? ANY_TASK) : askedTask(asked);
}

/** The task if it is one of the kit's own three; only these have what the nano model and the released code need. */
export function drawnTask(task: Task): DrawnTask | undefined {
  return 'sample' in task ? (task as DrawnTask) : undefined;
}
