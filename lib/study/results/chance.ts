/** Chance: the score that a model can reach on a test set without looking at pictures or numbers. */
import type { TaskRecord } from '../../records/record.js';
import type { AnswerScorer } from '../../rewards/scorer.js';
import { answerGroups } from '../data/shuffled-labels.js';

/**
 * The mean score, in [0, 1], of the best constant answer to each answer group of the rows. No guess that knows only the group scores
 * more. The constants that are tried are the answers of the group itself.
 */
export function bestConstantScore(records: readonly TaskRecord[], score: AnswerScorer): number {
  let sum = 0;
  for (const indices of answerGroups(records)) {
    // Equal answers score alike, and most groups have few different ones.
    const counts = new Map<string, number>();
    for (const index of indices) counts.set(records[index]!.answer, (counts.get(records[index]!.answer) ?? 0) + 1);
    const totals = [...counts.keys()].map((constant) => {
      let total = 0;
      for (const [gold, count] of counts) total += count * score(constant, { answer: gold });
      return total;
    });
    sum += Math.max(...totals);
  }
  return sum / records.length;
}
