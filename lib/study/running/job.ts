/** What the runner runs. A job knows its folder, its state and how it is run, whatever it trains: a cell of the study or one of a sweep. */
import type { Json } from '../../train/run-configuration.js';
import type { RunControl } from '../cells/train-run.js';
import type { JobState } from './job-state.js';
import type { Work } from './time-left.js';

/** One run of a grid, with all of its evaluations. */
export interface GridJob {
  name: string;
  /** The folder that holds its run, its evaluations and its log. */
  folder: string;
  /** The run that it starts from. */
  after?: GridJob;
  /** The steps that it trains; 0 for one that only measures. */
  steps: number;
  /** The work of so many of its steps, and that of its evaluations. */
  trainingWork(steps: number): Work;
  measuringWork: Work;
  state(): JobState;
  /** Opens its run. @throws Error when its folder holds something else */
  open(): void;
  /**
   * Trains and measures in this process. Results that exist already are read, not computed again.
   *
   * @throws Error of the signal, or TrainingStopped, when interrupted
   */
  run(control: RunControl): Promise<void>;
  /** The outcome of each evaluation that is finished. */
  measures(): Measure[];
  /** All that another process needs in order to make this job again, see `job-file.ts`. */
  description: JobDescription;
}

/** The outcome of an evaluation, without its items. */
export interface Measure {
  /** The test set's name. */
  set: string;
  /** The style of the prompt, where a cell is asked in several. */
  style?: string;
  accuracy: number;
  interval: [low: number, high: number];
  /** The share of completions in the format that the prompt asks for. */
  formatted: number;
  count: number;
}

/** A job as plain JSON: which planner makes it, and from what. */
export interface JobDescription {
  planner: 'study' | 'sweep';
  content: Json;
}

/** The accuracy on each test set, in a line. */
export function measuresText(measures: readonly Measure[]): string {
  const hasStyles = new Set(measures.map(({ style }) => style)).size > 1;
  return measures
    .map(({ set, style, accuracy }) => `${set}${hasStyles ? ` (${style})` : ''} ${(100 * accuracy).toFixed(1)} %`)
    .join(', ');
}
