/** The type of a scorer: what an evaluation counts, which is not always the reward. */
import type { DataRow } from '../records/record.js';

/**
 * Scores a completion of a test item, from 0 to 1; true and false are 1 and 0. It reads the row with all its columns, and may have to
 * wait for its answer.
 */
export type Scorer = (completion: string, row: DataRow) => number | boolean | Promise<number | boolean>;

/**
 * Asks a scorer about a completion.
 *
 * @throws Error naming the row and the completion when the scorer fails or gives anything but a number from 0 to 1 or a boolean
 */
export async function scoreCompletion(scorer: Scorer, completion: string, row: DataRow): Promise<number> {
  const fail = (problem: string, cause?: unknown) => {
    const text = completion.length > SHOWN ? `${completion.slice(0, SHOWN)} ...` : completion;
    return new Error(`the scorer ${problem} for row '${row.id}' and the completion ${JSON.stringify(text)}`, { cause });
  };
  let score: unknown;
  try {
    score = await scorer(completion, row);
  } catch (error) {
    throw fail(`failed (${(error as Error).message})`, error);
  }
  const number = typeof score === 'boolean' ? Number(score) : score;
  if (typeof number === 'number' && number >= 0 && number <= 1) return number;
  throw fail(`must return a number from 0 to 1 or a boolean, but returned ${JSON.stringify(score) ?? String(score)}`);
}

/** So much of a completion stands in an error, in characters. */
const SHOWN = 80;

/** A scorer that answers at once and reads nothing of the row but the gold answer, as those of the kit's own tasks do. */
export type AnswerScorer = (completion: string, row: { answer: string }) => number;
