/** Distinguishes the two wordings of a chain of thought: an annotator's sentences, and the base model's own notation. */

/** Whether a chain of thought is written in sentences. A solution begins with "objects: " or "0 1 2 to "; sentences do not. */
export function isProse(cot: string): boolean {
  return !/^([a-z ]+:|\d+ \d \d to) /.test(cot);
}
