/**
 * The control of shuffled labels: rows whose answers belong to other rows. A model that was trained on them can have learned nothing
 * about how picture and question lead to the answer. A test set on which it scores above chance leaks.
 */
import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';

/**
 * Moves answers and rationales around among the rows of each answer group. How often a group has which answer stays as it is, and so do
 * the order, the pictures and the questions.
 */
export function shuffleLabels(records: readonly TaskRecord[], random: Random): TaskRecord[] {
  const shuffled = [...records];
  for (const places of answerGroups(records)) {
    const givers = random.shuffle(places);
    places.forEach((place, i) => {
      const { answer, cot } = records[givers[i]!]!;
      shuffled[place] = { ...records[place]!, answer, cot };
    });
  }
  return shuffled;
}

/**
 * The places of the rows that have the same set of possible answers: those of one question family that are answered in the same form, by
 * the letter of a choice or not.
 */
export function answerGroups(records: readonly TaskRecord[]): number[][] {
  const groups = new Map<string, number[]>();
  records.forEach(({ family, answer }, place) => {
    const key = `${family} ${/^[A-D]$/.test(answer)}`;
    const group = groups.get(key);
    if (group) group.push(place);
    else groups.set(key, [place]);
  });
  return [...groups.values()];
}
