/** Runs a part of a study's grid under a notebook's cell. One line says how far it has come. */

import type { GridCell } from '../../study/design/grid.js';
import type { GridProgress } from '../../study/running/progress.js';
import { runGrid } from '../../study/running/runner.js';
import type { Study } from '../../study/workspace.js';
import { DisplaySlot, type DisplayWriter, notebookWriter } from '../notebook.js';
import { durationText } from './live-plot.js';

/** The cells that are running, the time since the grid began and the time that is left. */
export function progressText({ running, elapsed, left }: GridProgress): string {
  const leftText =
    left.seconds > 0 ? `${left.atLeast ? 'at least ' : ''}${durationText(left.seconds)}` : 'not known yet';
  const cells = running.map(({ name, done, steps }) =>
    steps > done ? `${name}: step ${done}/${steps}` : `${name}: measuring`,
  );
  return [`${durationText(elapsed)} gone, left: ${leftText}`, ...cells].join('; ');
}

/**
 * Trains and measures the cells of a grid that are not done, one after the other in this process. A line of text under the running
 * cell says how far they have come.
 *
 * @param write shows the line; default: under the running cell
 * @throws Error naming the cells that failed, or saying that it was interrupted; the same call goes on from there
 */
export async function runGridLive(
  study: Study,
  grid: readonly GridCell[],
  write: DisplayWriter = notebookWriter(),
): Promise<void> {
  const slot = new DisplaySlot(write);
  const showLine = (text: string) => slot.set({ 'text/plain': `cells ${text}` });
  const { done, failed, skipped, interrupted } = await runGrid(study, grid, {
    onProgress: (progress) =>
      showLine(`${progress.done + progress.failed}/${progress.total}; ${progressText(progress)}`),
  });
  showLine(`${done.length}/${done.length + failed.length + skipped.length} trained and measured`);
  if (interrupted) throw new Error('interrupted; run the same again to go on');
  if (failed.length > 0) {
    const lines = failed.map(({ name, error, log }) => `${name}: ${error} (log: ${log})`);
    throw new Error(`${failed.length === 1 ? 'a cell' : `${failed.length} cells`} failed:\n${lines.join('\n')}`);
  }
}
