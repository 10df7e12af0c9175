/** What finished cells of several seeds scored, and how such numbers are written. */
import type { EvaluatedItem, Evaluation } from '../../evaluate/evaluate.js';
import { type Estimate, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import type { TestSet } from '../../tasks/tasks.js';
import { type BaseCell, type Cell, finishedEvaluation } from '../cells/cell.js';
import type { Study } from '../workspace.js';

/**
 * The scores of cells that differ in their seed.
 *
 * @param score of an item; default: what the task's scorer gave
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

/** Accuracy and format of evaluations by several seeds on one test set. */
export function estimatesOf(evaluations: readonly Evaluation[]): { accuracy: Estimate; formatted: Estimate } {
  const over = (share: (evaluation: Evaluation) => number) =>
    estimateOverSeeds(evaluations.map(share), evaluations[0]!.count);
  return { accuracy: over(({ accuracy }) => accuracy), formatted: over(({ formatted }) => formatted) };
}

/** A share in percent with its interval: `51.2 % [48.0, 54.4]`. */
export function percentText({ mean, interval }: Pick<Estimate, 'mean' | 'interval'>): string {
  return `${percent(mean)} % [${interval.map(percent).join(', ')}]`;
}

/** A difference in percentage points with its interval: `+4.7 points [-0.2, 9.6]`. */
export function pointsText({ mean, interval }: Pick<Estimate, 'mean' | 'interval'>): string {
  const text = percent(mean);
  return `${text.startsWith('-') ? '' : '+'}${text} points [${interval.map(percent).join(', ')}]`;
}

/** In percent with one decimal; what rounds to nothing has no sign. */
function percent(share: number): string {
  const text = (100 * share).toFixed(1);
  return text === '-0.0' ? '0.0' : text;
}
