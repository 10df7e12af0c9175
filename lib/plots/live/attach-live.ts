/** Shows a run that is training somewhere: in another kernel, a command, a job of a cluster. The files of the run say how far it is. */

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunDirectory } from '../../train/run-directory.js';
import { isLocked } from '../../train/run-lock.js';
import { runStateText } from '../../train/run-state.js';
import { DisplaySlot, type DisplayWriter, notebookWriter } from '../notebook.js';
import { textBundle } from '../show.js';
import { livePlot } from './live-plot.js';

export interface AttachOptions {
  /** The run's name in the progress line; default: that of its folder. */
  name?: string;
  /** Ends the watching, not the run. An interrupt of the notebook cell does the same. */
  signal?: AbortSignal;
  /** Milliseconds between two looks at the files; default: 1000. */
  poll?: number;
}

/**
 * Draws the present state of a run under the running cell and follows it to its end, so that a page that was closed and opened again
 * finds it. The run itself is not touched. If no process trains it, its curves so far are drawn once. A line below them says how the
 * run stands: finished, stopped by whom, killed, or still training where the watching was interrupted.
 *
 * @param run the run, or its folder
 * @param write shows the outputs; default: under the running cell
 * @throws Error when the folder holds no run, or one that has not begun
 */
export async function attachLive(
  run: RunDirectory | string,
  options: AttachOptions = {},
  write: DisplayWriter = notebookWriter(),
): Promise<void> {
  const directory = typeof run === 'string' ? RunDirectory.read(run) : run;
  const { name = path.basename(directory.folder), signal, poll = 1000 } = options;
  const total = directory.steps;
  if (total === undefined) throw new Error(`${directory.folder} holds a run that has not begun to train`);
  const watching = new AbortController();
  const stop = () => watching.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop);
  process.on('SIGINT', stop);
  const { folder } = directory;
  const live = livePlot({ name, total, history: directory.metrics(), folder, watches: true }, write);
  try {
    // The lock is looked at before the log, so that nothing is missed of a run that ends in between.
    for (let goesOn = true; goesOn && !watching.signal.aborted; ) {
      goesOn = !directory.isFinished && isLocked(directory.folder);
      live.show(directory.timedMetrics());
      if (goesOn) await pause(poll, watching.signal);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    process.off('SIGINT', stop);
    await live.finish();
    const watched = watching.signal.aborted ? 'this cell watches no longer, and the run' : 'the run';
    new DisplaySlot(write).set(textBundle(`${watched} ${runStateText(directory)}`));
  }
}

/** Waits, but not after the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
