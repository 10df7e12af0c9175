/** Tells the two wordings of chains of thought apart: an annotator's sentences, and solutions in the base model's own notation. */

/** Whether a chain of thought is told in sentences. Those of all three tasks begin alike, and no solution does. */
export function isProse(cot: string): boolean {
  return cot.startsWith('the ');
}
