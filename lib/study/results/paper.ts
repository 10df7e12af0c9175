/** The paper's accuracies, which tables and figures show beside ours (Tan et al. 2025, main table). */
import { TASK_NAMES, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { PaperParadigm } from '../design/paradigms.js';

export interface PaperNumber {
  task: TaskName;
  paradigm: PaperParadigm;
  model: '2B' | '7B';
  set: TestSet;
  /** As a fraction; of spatial transformation the mean score with partial credit. */
  accuracy: number;
}

/** Accuracies in percent, in the order of each task's test sets. Only the paper's own tasks have any. */
type PaperRow = { readonly [task in TaskName]?: readonly number[] };

const ROWS: readonly [PaperParadigm, PaperNumber['model'], PaperRow][] = [
  ['zero-shot', '2B', { counting: [82.4, 32.0], structure: [25.86, 20.63], transformation: [3.78, 4.6, 4.67] }],
  ['ans-sft', '2B', { counting: [96.2, 39.2], structure: [51.34, 22.5], transformation: [77.39, 49.24, 50.33] }],
  ['cot-sft', '2B', { counting: [85.5, 46.5], structure: [43.05, 25.25], transformation: [64.37, 43.19, 42.86] }],
  [
    'reason-rft-zero',
    '2B',
    { counting: [98.4, 44.8], structure: [47.68, 32.5], transformation: [42.13, 34.07, 33.41] },
  ],
  ['reason-rft', '2B', { counting: [96.8, 51.2], structure: [49.03, 33.13], transformation: [74.61, 64.05, 64.08] }],
  ['zero-shot', '7B', { counting: [98.6, 42.1], structure: [43.3, 43.88], transformation: [13.53, 12.72, 12.78] }],
  ['ans-sft', '7B', { counting: [95.0, 33.9], structure: [51.34, 25.38], transformation: [82.19, 54.29, 54.83] }],
  ['cot-sft', '7B', { counting: [87.3, 42.4], structure: [50.49, 33.0], transformation: [81.31, 47.9, 47.8] }],
  ['reason-rft-zero', '7B', { counting: [99.4, 53.0], structure: [55.0, 54.75], transformation: [67.67, 57.2, 56.15] }],
  ['reason-rft', '7B', { counting: [95.6, 51.0], structure: [59.27, 49.25], transformation: [79.97, 59.36, 58.61] }],
];

export const PAPER: readonly PaperNumber[] = ROWS.flatMap(([paradigm, model, row]) =>
  TASK_NAMES.flatMap((task) =>
    (row[task] ?? []).map((percent, s) => ({
      task,
      paradigm,
      model,
      set: testSetsOf(task)[s]!,
      accuracy: percent / 100,
    })),
  ),
);
