/** The log of a run as it trains: a line of metrics a step, times, warnings and TensorBoard's events, for people to read. */
import path from 'node:path';
import { type ScalarEvent, startEventFile } from './event-file.js';
import type { Metrics, StepMetrics } from './metrics.js';
import { type Course, type TrainingWarning, trainingWarnings } from './warnings.js';

/** The JSON Lines files of a run, each row with its `step`. A resumed run drops the rows of the steps that it does again. */
export const LOG_FILES = ['metrics.jsonl', 'timing.jsonl', 'warnings.jsonl', 'reward-errors.jsonl'] as const;

/** The part of a run directory that a log writes to. */
export interface LoggedFolder {
  readonly folder: string;
  /** All rows of `metrics.jsonl`. */
  metrics(): StepMetrics[];
  /** The same with the times of the steps. */
  timedMetrics(): StepMetrics[];
  /** Adds rows to a JSON Lines file. */
  append<Row extends { step: number }>(name: string, rows: readonly Row[]): void;
}

/** Writes down each step. */
export interface RunLog {
  /**
   * Writes one step down.
   *
   * @param times what the clock and the memory say: they lie in a file of their own, so that `metrics.jsonl` repeats byte for byte
   * @returns what the metrics warn of
   */
  write(step: number, metrics: Metrics, times: Metrics): TrainingWarning[];
}

/** Starts the log of a run, whose files hold the steps that are done and no others. @param course for its warnings */
export function startRunLog(run: LoggedFolder, course?: Course): RunLog {
  const history: Metrics[] = run.metrics().map(({ step: _, ...metrics }) => metrics);
  const events = startEventFile(path.join(run.folder, 'tensorboard'), scalarHistory(run));
  return {
    write(step, metrics, times) {
      history.push(metrics);
      const warnings = trainingWarnings(history, course);
      if (warnings.length > 0) run.append('warnings.jsonl', warnings);
      run.append('metrics.jsonl', [{ step, ...metrics }]);
      const time = Date.now() / 1000;
      run.append('timing.jsonl', [{ step, time, ...times }]);
      events.add({ step, time, metrics: { ...metrics, ...times } });
      return warnings;
    },
  };
}

/** The log so far as TensorBoard reads it. */
function scalarHistory(run: LoggedFolder): ScalarEvent[] {
  return run.timedMetrics().map(({ step, time = Date.now() / 1000, ...metrics }) => ({ step, time, metrics }));
}
