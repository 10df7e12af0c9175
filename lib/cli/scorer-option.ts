/** `--scorer`: what counts as right, in `evaluate` and where a run is evaluated while it trains. */
import path from 'node:path';
import { isOwnFile, loadOwnExport, type OwnCodeIdentity } from '../rewards/own-code.js';
import { scoreSymbolic } from '../rewards/score-symbolic.js';
import type { Scorer } from '../rewards/scorer.js';
import type { Task } from '../tasks/task.js';
import { drawnTask } from './task-option.js';
import { checkUsage, UsageError } from './usage.js';

/** Flags, description and default of the option. */
export const SCORER_OPTION = [
  '--scorer <name>',
  "what counts as right: kit (the task's scorer), symbolic (answers as mathematics), released (the authors' evaluation, traps included), " +
    'or a file of your own with its export (./mine.ts#score)',
  'kit',
] as const;

/** A scorer, and the files of it if it is one's own. */
export interface AskedScorer {
  score: Scorer;
  scoreCode?: OwnCodeIdentity;
}

/**
 * The scorer that `--scorer` names. A file is loaded at once, so that what is wrong with it is said before any row is read.
 *
 * @returns the scorer of rows of a task
 * @throws UsageError when there is no such scorer; the function that it returns, where the released code has none for such rows
 */
export function parseScorer(text: string): (task: Task) => AskedScorer {
  if (text === 'kit') return (task) => ({ score: task.score });
  if (text === 'symbolic') return () => ({ score: scoreSymbolic });
  if (text === 'released') return (task) => ({ score: releasedScore(task) });
  const [file = '', exportName] = text.split('#');
  if (!isOwnFile(file))
    throw new UsageError(
      `--scorer must be kit, symbolic, released or a file of your own, ./mine.ts#name; got '${text}'`,
    );
  const { value, name, identity } = checkUsage(() => loadOwnExport(file, exportName));
  if (typeof value !== 'function')
    throw new UsageError(
      `${path.basename(file)}#${name} is no scorer: it must be a function of a completion and its row`,
    );
  const own = { score: value as Scorer, scoreCode: identity };
  return () => own;
}

/** @throws UsageError where the released code has no evaluation of such rows */
function releasedScore(task: Task): Scorer {
  const score = drawnTask(task)?.releasedScore;
  if (score === undefined)
    throw new UsageError("--scorer released is for rows of the paper's tasks; name one with --task");
  return score;
}
