/**
 * The label-shuffled control: rows whose answers belong to other rows. What a model scores after training on them, it scores
 * without any tie of picture and question to answer; a test set on which that is above chance leaks.
 */

import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import type { Scorer } from '../../rewards/scorer.js';

/**
 * Rows with answers and rationales moved around among those of one family that are answered in the same form, a choice's letter
 * or not: what is left to learn is how often a family has which answer. Order, pictures and questions stay.
 */
export function shuffleLabels(records: readonly TaskRecord[], random: Random): TaskRecord[] {
  const shuffled = [...records];
  for (const places of groupsOf(records).values()) {
    const givers = random.shuffle(places);
    places.forEach((place, i) => {
      const { answer, cot } = records[givers[i]!]!;
      shuffled[place] = { ...records[place]!, answer, cot };
    });
  }
  return shuffled;
}

/** The score that shuffled labels have in the mean over all shuffles: that of each answer against each of its group. */
export function chanceScore(records: readonly TaskRecord[], score: Scorer): number {
  let sum = 0;
  for (const places of groupsOf(records).values()) {
    // Equal answers score alike; few differ in most groups.
    const counts = new Map<string, number>();
    for (const place of places) counts.set(records[place]!.answer, (counts.get(records[place]!.answer) ?? 0) + 1);
    for (const [given, often] of counts) {
      for (const [gold, times] of counts) sum += (often * times * score(given, gold)) / places.length;
    }
  }
  return sum / records.length;
}

/**
 * Chance: the score of the best constant answer to each group of rows, which is the most that can be had without looking at pictures
 * or numbers. The constants tried are the group's own answers.
 */
export function bestConstantScore(records: readonly TaskRecord[], score: Scorer): number {
  let sum = 0;
  for (const places of groupsOf(records).values()) {
    const counts = new Map<string, number>();
    for (const place of places) counts.set(records[place]!.answer, (counts.get(records[place]!.answer) ?? 0) + 1);
    const totals = [...counts.keys()].map((constant) => {
      let total = 0;
      for (const [gold, times] of counts) total += times * score(constant, gold);
      return total;
    });
    sum += Math.max(...totals);
  }
  return sum / records.length;
}

/** The places of the rows among which labels may move. */
function groupsOf(records: readonly TaskRecord[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  records.forEach(({ family, answer }, place) => {
    const key = `${family} ${/^[A-D]$/.test(answer)}`;
    const group = groups.get(key);
    if (group) group.push(place);
    else groups.set(key, [place]);
  });
  return groups;
}
