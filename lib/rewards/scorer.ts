/** The type of a scorer. */

/** Scores a completion of a test item against the gold answer, from 0 to 1: an evaluation, which is not always the reward. */
export type Scorer = (completion: string, goldAnswer: string) => number;
