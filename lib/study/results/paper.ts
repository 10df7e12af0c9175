/** The paper's accuracies, for the eye beside ours (Tan et al. 2025, main table). */
import { TASK_NAMES, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { Paradigm } from '../design/paradigms.js';

export interface PaperNumber {
  task: TaskName;
  paradigm: Paradigm;
  model: '2B' | '7B';
  set: TestSet;
  /** As a fraction; of spatial transformation the mean score with partial credit. */
  accuracy: number;
}

/** In percent, in the order of each task's test sets: counting, structure, transformation. */
const ROWS: readonly [Paradigm, '2B' | '7B', ...(readonly number[])[]][] = [
  ['zero-shot', '2B', [82.4, 32.0], [25.86, 20.63], [3.78, 4.6, 4.67]],
  ['ans-sft', '2B', [96.2, 39.2], [51.34, 22.5], [77.39, 49.24, 50.33]],
  ['cot-sft', '2B', [85.5, 46.5], [43.05, 25.25], [64.37, 43.19, 42.86]],
  ['reason-rft-zero', '2B', [98.4, 44.8], [47.68, 32.5], [42.13, 34.07, 33.41]],
  ['reason-rft', '2B', [96.8, 51.2], [49.03, 33.13], [74.61, 64.05, 64.08]],
  ['zero-shot', '7B', [98.6, 42.1], [43.3, 43.88], [13.53, 12.72, 12.78]],
  ['ans-sft', '7B', [95.0, 33.9], [51.34, 25.38], [82.19, 54.29, 54.83]],
  ['cot-sft', '7B', [87.3, 42.4], [50.49, 33.0], [81.31, 47.9, 47.8]],
  ['reason-rft-zero', '7B', [99.4, 53.0], [55.0, 54.75], [67.67, 57.2, 56.15]],
  ['reason-rft', '7B', [95.6, 51.0], [59.27, 49.25], [79.97, 59.36, 58.61]],
];

export const PAPER: readonly PaperNumber[] = ROWS.flatMap(([paradigm, model, ...tasks]) =>
  TASK_NAMES.flatMap((task, t) =>
    testSetsOf(task).map((set, s) => ({ task, paradigm, model, set, accuracy: tasks[t]![s]! / 100 })),
  ),
);
