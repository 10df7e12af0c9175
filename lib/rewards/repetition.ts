/** The punishment of repetition (Yeo et al. 2025, "Demystifying Long Chain-of-Thought Reasoning", appendix C.2). */

/** Words of an n-gram. */
const LENGTH = 3;

/**
 * Minus the share of n-grams that occurred before in the text: distinct / all - 1, from 0 down towards -1. It is 0 for a text of fewer
 * than n words. The paper, and TRL, count n-grams of tokens; these are of words, so that the number does not depend on a tokenizer.
 *
 * @param length n
 */
export function repetition(text: string, length: number = LENGTH): number {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const count = words.length - length + 1;
  if (count <= 0) return 0;
  const distinct = new Set<string>();
  for (let start = 0; start < count; start++) distinct.add(words.slice(start, start + length).join(' '));
  return distinct.size / count - 1;
}

/** `repetition` of three words, as a run names it. */
export function repetitionReward({ completion }: { completion: string }): number {
  return repetition(completion);
}
