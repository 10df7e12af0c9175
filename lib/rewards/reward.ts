/** What a reward function is: from a completion and its row to a number. */

/** What a reward function may know beside the completion. */
export interface RewardRow {
  /** The gold answer. */
  solution: string;
  /** Names the completion's place in the run, for rewards that need random numbers. */
  draw: string;
  /** All completions of the prompt, for rewards that compare. */
  group: readonly string[];
  /** The training step, from 0. In an evaluation it is Infinity, later than any step that a reward waits for. */
  step: number;
}

/** A reward function; `REWARDS` says what holds for all of them. @returns the reward, or null when it does not apply to the row */
export type RewardFunction = (completion: string, row: RewardRow) => number | null;
