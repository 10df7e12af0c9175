/** What a scorer is. */

/** Scores a completion of a test item against the gold answer, from 0 to 1: an evaluation, which is not always the reward. */
export type Scorer = (completion: string, solution: string) => number;
