/** Collects the scores of finished cells that differ in their seed. */
import type { EvaluatedItem, Evaluation } from '../../evaluate/evaluate.js';
import { type Estimate, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import type { TestSet } from '../../tasks/tasks.js';
import type { BaseCell, Cell } from '../cells/cell.js';
import { finishedEvaluation } from '../cells/run-cell.js';
import type { Study } from '../workspace.js';

/**
 * The scores of cells that differ in their seed.
 *
 * @param score gives an item's score; default: that of the task's scorer
 * @returns `[cell][item]`, or undefined where one of them is not evaluated yet
 */
export function testScores(
  study: Study,
  cells: readonly (Cell | BaseCell)[],
  set: TestSet,
  style: PromptStyle,
  score: (item: EvaluatedItem) => number = (item) => item.score,
): number[][] | undefined {
  const scores: number[][] = [];
  for (const cell of cells) {
    const evaluation = finishedEvaluation(study, cell, set, style);
    if (!evaluation) return undefined;
    scores.push(evaluation.items.map(score));
  }
  return scores;
}

/** The finished evaluations of cells that differ in their seed: the entries of the three lists belong together. */
export interface SeedEvaluations {
  seeds: number[];
  cells: (Cell | BaseCell)[];
  evaluations: Evaluation[];
}

/** Gathers the finished evaluations of cells that differ in their seed; seeds that are not finished are left out. */
export function evaluationsBySeed(
  study: Study,
  seeds: readonly number[],
  cellOf: (seed: number) => Cell | BaseCell,
  set: TestSet,
  style: PromptStyle,
): SeedEvaluations {
  const finished: SeedEvaluations = { seeds: [], cells: [], evaluations: [] };
  for (const seed of seeds) {
    const cell = cellOf(seed);
    const evaluation = finishedEvaluation(study, cell, set, style);
    if (!evaluation) continue;
    finished.seeds.push(seed);
    finished.cells.push(cell);
    finished.evaluations.push(evaluation);
  }
  return finished;
}

/** Accuracy and format of evaluations by several seeds on one test set. */
export function estimatesOf(evaluations: readonly Evaluation[]): { accuracy: Estimate; formatted: Estimate } {
  const estimate = (share: (evaluation: Evaluation) => number) =>
    estimateOverSeeds(evaluations.map(share), evaluations[0]!.count);
  return { accuracy: estimate(({ accuracy }) => accuracy), formatted: estimate(({ formatted }) => formatted) };
}

/** The scores of evaluations as `[seed][item]`. */
export function itemScores(evaluations: readonly Evaluation[]): number[][] {
  return evaluations.map(({ items }) => items.map(({ score }) => score));
}
