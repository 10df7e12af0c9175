/** Tells the two wordings of chains of thought apart: an annotator's sentences, and solutions in the base model's own notation. */

/** Whether a chain of thought is told in sentences: all that does not begin as a solution does, with "objects: " or "0 1 2 to ". */
export function isProse(cot: string): boolean {
  return !/^([a-z ]+:|\d+ \d \d to) /.test(cot);
}
