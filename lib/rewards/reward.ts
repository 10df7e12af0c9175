/** The type of a reward function: from a completion and its row to a number. */

/** All that a reward function may read beside the completion. */
export interface RewardRow {
  /** The gold answer, by TRL's name for this column. */
  solution: string;
  /** A text that is this completion's alone in the run: seed, step, prompt and completion. Rewards make random numbers from it. */
  randomKey: string;
  /** All completions of the prompt, for rewards that compare. */
  group: readonly string[];
  /** The training step, from 0. In an evaluation it is Infinity, later than any step that a reward waits for. */
  step: number;
}

/** A reward function; `REWARDS` says what holds for all of them. @returns the reward, or null when it does not apply to the row */
export type RewardFunction = (completion: string, row: RewardRow) => number | null;
