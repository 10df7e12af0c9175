/** Says in a sentence how a run stands: whether a process trains it now, and if none does, how its last start ended. */
import type { EndOfStart, RunDirectory } from './run-directory.js';
import { isLocked } from './run-lock.js';

/** The state of a run in words, such as `stopped after step 9 of 60 by an interrupt; run the same again to go on from there`. */
export function runStateText(run: RunDirectory): string {
  const total = run.steps;
  if (total === undefined) return 'has not begun to train';
  // The lock is looked at first, so that a run which ends in between is not taken for one that nobody trains.
  const trains = !run.isFinished && isLocked(run.folder);
  const done = run.metrics().at(-1)?.step ?? 0;
  if (run.isTakenBack && done < total)
    return `was taken back after step ${done} of ${total}; take it back again for the rest`;
  if (run.isFinished || done >= total) return `finished after ${total} steps`;
  if (trains) return `trains: step ${done} of ${total} is done`;
  const { ended } = run.starts.at(-1)!;
  return ended ? endText(ended, total) : killedText(run, done, total);
}

function endText({ step, stoppedBy, error }: EndOfStart, total: number): string {
  if (error !== undefined) return `failed after step ${step} of ${total}: ${error}`;
  const causes: { readonly [cause: string]: string } = { SIGINT: 'by an interrupt', request: 'on request' };
  return `stopped after step ${step} of ${total} ${causes[stoppedBy!] ?? `by ${stoppedBy}`}; run the same again to go on from there`;
}

function killedText(run: RunDirectory, done: number, total: number): string {
  const checkpoint = run.latestCheckpoint()?.step;
  const from = checkpoint === undefined ? 'from the beginning' : `from its checkpoint of step ${checkpoint}`;
  return `no process trains it: the last one was killed after step ${done} of ${total}; run the same again to go on ${from}`;
}
