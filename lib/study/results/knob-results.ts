/** The results of a study's knob, in the shapes that tables and figures draw from. */
import type { Estimate } from '../../evaluate/over-seeds.js';
import { type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { KnobDrawer } from '../design/knob.js';
import type { KnobLevel } from '../knob-settings.js';

/** How often a model works a question out behind the study's prompt. */
export interface KnobReading {
  task: TaskName;
  level: string;
  /** The base model, or what its stage 1 makes of it with the first seed. */
  model: 'base' | 'stage 1';
  /** Completions that are worked out, of those that were drawn, with Wilson's 95 % interval of the share. */
  workedOut: number;
  drawn: number;
  interval: [low: number, high: number];
  /** The probability of the right solution, the mean over questions, and its standard error. */
  solutionProbability: number;
  solutionError?: number;
  questions: number;
}

/** A point of a learning curve: accuracy on some items of each test set after so many completions. */
export interface KnobPoint {
  draws: number;
  accuracy: { [set in TestSet]?: Estimate };
}

/** One paradigm of GRPO from one base model. */
export interface KnobCurve {
  task: TaskName;
  level: string;
  paradigm: KnobDrawer;
  seeds: number[];
  /** The completions of a step. */
  drawsPerStep: number;
  /** The first is that of 0 completions: the base model, or stage 1. */
  points: KnobPoint[];
}

/** CoT-SFT from one base model, on the items of the curves. It draws no completions. */
export interface KnobAccuracy {
  task: TaskName;
  level: string;
  testSet: TestSet;
  accuracy: Estimate;
  seeds: number[];
}

/** The accuracies in domain that count as half and as nine tenths of what the best run of a task gains. */
export interface KnobGain {
  task: TaskName;
  /** The mean accuracy of the base models, asked for tags. */
  from: number;
  /** The end of the best run of any level. */
  to: number;
  half: number;
  most: number;
}

/** The completions that a run draws until its accuracy in domain is first there; null where it is not within its budget. */
export interface KnobDraws {
  task: TaskName;
  level: string;
  paradigm: KnobDrawer;
  half: number | null;
  most: number | null;
  budget: number;
  /** The completions of a step. */
  drawsPerStep: number;
}

/** All of it. */
export interface KnobResults {
  levels: KnobLevel[];
  readings: KnobReading[];
  curves: KnobCurve[];
  cotSft: KnobAccuracy[];
  gains: KnobGain[];
  draws: KnobDraws[];
  /** What is read of each level, in sentences. */
  findings: { task: TaskName; level: string; text: string }[];
}

/** The accuracy of a point in domain. */
export function inDomain(task: TaskName, { accuracy }: KnobPoint): number {
  return accuracy[testSetsOf(task)[0]!]!.mean;
}
