/** What a reward function is: from a completion and its row's gold answer to a number. */

/**
 * A reward function: pure, total (no text makes it throw) and linear in the completion's length.
 *
 * @returns the reward, or null where it does not apply to the row
 */
export type Reward = (completion: string, row: { solution: string }) => number | null;
