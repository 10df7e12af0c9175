/** Trains with your own call of a trainer under a live plot: in a run directory that stays, or to try something out. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type StepListener, TrainingStopped } from '../../train/loop.js';
import type { StepMetrics } from '../../train/metrics.js';
import { RunDirectory } from '../../train/run-directory.js';
import type { TrainingWarning } from '../../train/warnings.js';
import { type DisplayWriter, notebookWriter } from '../notebook.js';
import { livePlot } from './live-plot.js';
import { warningLines } from './warning-lines.js';

/** What the call of a trainer gets, beside its model, examples and settings. */
export interface LiveControl {
  run: RunDirectory;
  /** Draws each step. */
  onStep: StepListener;
  /** Shows a warning as a line of text. */
  onWarning: (warning: TrainingWarning) => void;
}

/**
 * Trains in a run directory under a live plot, or goes on where the run was stopped:
 *
 * ```ts
 * await trainLive(run, settings.steps, (control) =>
 *   trainGrpo({ model, examples, rewards, settings, ...control }));
 * ```
 *
 * @param steps of the whole run
 * @param name of the run in the line of progress; default: that of its folder
 * @param write shows the outputs; default: under the running cell
 * @returns what the trainer returns
 * @throws TrainingStopped when interrupted; the curves so far stay under the cell, and the same call goes on
 */
export async function trainLive<Result>(
  run: RunDirectory,
  steps: number,
  train: (control: LiveControl) => Promise<Result>,
  name = path.basename(run.folder),
  write: DisplayWriter = notebookWriter(),
): Promise<Result> {
  const live = livePlot({ name, total: steps, history: run.keptMetrics(), folder: run.folder }, write);
  try {
    const onStep: StepListener = (done, _, metrics) => live.update(done, metrics);
    return await train({ run, onStep, onWarning: warningLines(write) });
  } finally {
    await live.finish();
  }
}

/**
 * Trains once under a live plot to try something out. The run directory is removed at the end. Warnings are shown, but no notes, which
 * would say the same under each of the trials that stand side by side.
 *
 * ```ts
 * const metrics = await runTrial('beta 0', settings.steps, (control) =>
 *   trainGrpo({ model, examples, rewards, settings, ...control }));
 * ```
 *
 * @param steps of the whole run
 * @param write shows the outputs; default: under the running cell
 * @returns the metrics of each step
 * @throws TrainingStopped when interrupted; the curves so far stay under the cell, and the same call begins anew
 */
export async function runTrial(
  name: string,
  steps: number,
  train: (control: LiveControl) => Promise<unknown>,
  write: DisplayWriter = notebookWriter(),
): Promise<StepMetrics[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'trial-'));
  try {
    const run = RunDirectory.open(path.join(folder, 'run'), { name });
    const trainWithoutNotes = ({ onWarning, ...control }: LiveControl) =>
      train({ ...control, onWarning: (warning) => (warning.level === 'warning' ? onWarning(warning) : undefined) });
    await trainLive(run, steps, trainWithoutNotes, name, write);
    return run.metrics();
  } catch (error) {
    // The trainer's own words name a checkpoint, which goes with the folder.
    if (error instanceof TrainingStopped)
      error.message = `stopped after step ${error.done} of ${error.steps}; a trial keeps no checkpoint: run the cell again to begin anew`;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
