/** What counts as right, by name or as a file of one's own: the scorer of the command line's `--scorer`, and of the cells of a sweep. */
import path from 'node:path';
import { isOwnFile, loadOwnExport, type OwnCodeIdentity } from '../../rewards/own-code.js';
import { scoreSymbolic } from '../../rewards/score-symbolic.js';
import type { Scorer } from '../../rewards/scorer.js';
import type { DrawnTask, Task } from '../../tasks/task.js';

/** A scorer, and the files of it if it is one's own. */
export interface AskedScorer {
  score: Scorer;
  scoreCode?: OwnCodeIdentity;
}

/**
 * The scorer of a name: `kit` (the task's), `symbolic`, `released` (the authors' evaluation), or a file with its export, `./mine.ts#score`.
 * A file is loaded at once, so that what is wrong with it is said before any row is read.
 *
 * @param option what it is asked with, for messages: `--scorer`, or the field of a cell
 * @returns the scorer of rows of a task
 * @throws Error when there is no such scorer; the function that it returns, where the released code has none for such rows
 */
export function askScorer(text: string, option: string): (task: Task) => AskedScorer {
  if (text === 'kit') return (task) => ({ score: task.score });
  if (text === 'symbolic') return () => ({ score: scoreSymbolic });
  if (text === 'released') return (task) => ({ score: releasedScore(task, option) });
  const [file = '', exportName] = text.split('#');
  if (!isOwnFile(file))
    throw new Error(`${option} must be kit, symbolic, released or a file of your own, ./mine.ts#name; got '${text}'`);
  const { value, name, identity } = loadOwnExport(file, exportName);
  if (typeof value !== 'function')
    throw new Error(`${path.basename(file)}#${name} is no scorer: it must be a function of a completion and its row`);
  const own = { score: value as Scorer, scoreCode: identity };
  return () => own;
}

/** @throws Error where the released code has no evaluation of such rows */
function releasedScore(task: Task, option: string): Scorer {
  const score = 'releasedScore' in task ? (task as DrawnTask).releasedScore : undefined;
  if (score === undefined)
    throw new Error(`${option} released is for rows of the paper's tasks; these are rows of none of them`);
  return score;
}
