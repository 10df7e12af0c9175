/** `--scorer`: what counts as right, in `evaluate` and where a run is evaluated while it trains. */
import { type AskedScorer, askScorer } from '../study/cells/asked-scorer.js';
import type { Task } from '../tasks/task.js';
import { checkUsage } from './usage.js';

/** Flags, description and default of the option. */
export const SCORER_OPTION = [
  '--scorer <name>',
  "what counts as right: kit (the task's scorer), symbolic (answers as mathematics), released (the authors' evaluation, traps included), " +
    'or a file of your own with its export (./mine.ts#score)',
  'kit',
] as const;

/** @throws UsageError when there is no such scorer; see `askScorer` */
export function parseScorer(text: string): (task: Task) => AskedScorer {
  const scorerOf = checkUsage(() => askScorer(text, '--scorer'));
  return (task) => checkUsage(() => scorerOf(task));
}
