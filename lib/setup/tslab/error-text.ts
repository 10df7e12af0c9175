/** The text under a cell that ended with an error: what it says, and the lines of code that can be the reader's. */
import { inspect } from 'node:util';

/** Stack frames of the kernel itself and of Node. They say nothing about a notebook. */
const OWN_FRAMES =
  /^\s+at .*(node_modules[\\/]tslab[\\/]|setup[\\/]tslab[\\/]|\(?node:|evalmachine\.<anonymous>:\d+:\d+$)/;

/** Whether an error says that training was stopped on request, which is no fault. */
export function saysStopped(error: unknown): boolean {
  return error instanceof Error && error.name === 'TrainingStopped';
}

/** An error with its causes, without the kernel's own stack frames. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error);
  return inspect(error)
    .split('\n')
    .filter((line) => !OWN_FRAMES.test(line))
    .join('\n');
}
