/** The paper's accuracies on visual counting, for the eye beside ours (Tan et al. 2025, main table). */
import type { TestSet } from '../tasks/task.js';
import type { Paradigm } from './paradigms.js';

export interface PaperNumber {
  paradigm: Paradigm;
  model: '2B' | '7B';
  set: TestSet;
  /** As a fraction. */
  accuracy: number;
}

const ROWS: readonly [Paradigm, '2B' | '7B', number, number][] = [
  ['zero-shot', '2B', 82.4, 32.0],
  ['ans-sft', '2B', 96.2, 39.2],
  ['cot-sft', '2B', 85.5, 46.5],
  ['reason-rft-zero', '2B', 98.4, 44.8],
  ['reason-rft', '2B', 96.8, 51.2],
  ['zero-shot', '7B', 98.6, 42.1],
  ['ans-sft', '7B', 95.0, 33.9],
  ['cot-sft', '7B', 87.3, 42.4],
  ['reason-rft-zero', '7B', 99.4, 53.0],
  ['reason-rft', '7B', 95.6, 51.0],
];

export const PAPER_COUNTING: readonly PaperNumber[] = ROWS.flatMap(([paradigm, model, id, ood]) => [
  { paradigm, model, set: 'id', accuracy: id / 100 },
  { paradigm, model, set: 'ood', accuracy: ood / 100 },
]);
