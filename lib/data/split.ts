/** The paper's split: the first rows are for stage 1 (chain-of-thought fine-tuning), the rest for stage 2 (GRPO). */

/** The rows of stage 1 in the paper. */
export const STAGE_ONE_ROWS = 1600;

/**
 * Splits rows in their order.
 *
 * @throws Error when no row is left for stage 2
 */
export function splitStages<T>(rows: readonly T[], first = STAGE_ONE_ROWS): { stageOne: T[]; stageTwo: T[] } {
  if (rows.length <= first)
    throw new Error(`stage 1 takes ${first} rows and leaves none of ${rows.length} for stage 2`);
  return { stageOne: rows.slice(0, first), stageTwo: rows.slice(first) };
}
