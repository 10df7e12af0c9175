/** The completions of each step as a Parquet table, as TRL leaves them: a row a completion, a column a reward. */
import { existsSync, readFileSync } from 'node:fs';
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { writeFileAtomic } from '../engine/atomic-write.js';
import type { LoggedCompletion } from './rollout.js';
import type { RunDirectory } from './run-directory.js';

/** The columns that every table has; all others are rewards, by their names. */
const COLUMNS = {
  step: 'INT32',
  id: 'STRING',
  prompt: 'STRING',
  solution: 'STRING',
  completion: 'STRING',
  reward: 'DOUBLE',
  advantage: 'DOUBLE',
  tokens: 'INT32',
  ended: 'BOOLEAN',
} as const satisfies { [column in keyof Omit<LoggedCompletion, 'rewards'>]: string };

/**
 * Writes the table of one step, whole or not at all.
 *
 * @throws Error when a reward has the name of another column
 */
export function writeCompletions(run: RunDirectory, step: number, rows: readonly LoggedCompletion[]): void {
  const rewards = [...new Set(rows.flatMap((row) => Object.keys(row.rewards)))];
  const taken = rewards.find((name) => Object.hasOwn(COLUMNS, name));
  if (taken !== undefined)
    throw new Error(
      `a reward may not be named '${taken}': the table of completions has a column of that name; rename the reward`,
    );
  const fixed = Object.entries(COLUMNS).map(([name, type]) => ({
    name,
    type,
    nullable: false,
    data: rows.map((row) => row[name as keyof typeof COLUMNS]),
  }));
  const scores = rewards.map((name) => ({
    name,
    type: 'DOUBLE' as const,
    nullable: true,
    data: rows.map((row) => row.rewards[name] ?? null),
  }));
  writeFileAtomic(run.completionsFile(step), new Uint8Array(parquetWriteBuffer({ columnData: [...fixed, ...scores] })));
}

/**
 * The completions of one step; none where it is not done yet.
 *
 * @param step the first is 0
 */
export async function readCompletions(run: RunDirectory, step: number): Promise<LoggedCompletion[]> {
  const file = run.completionsFile(step);
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await parquetReadObjects({ file: buffer });
  return rows.map((row) => {
    const entries = Object.entries(row);
    const rewards = entries.filter(([name]) => !Object.hasOwn(COLUMNS, name));
    const fixed = entries.filter(([name]) => Object.hasOwn(COLUMNS, name));
    return { ...Object.fromEntries(fixed), rewards: Object.fromEntries(rewards) } as LoggedCompletion;
  });
}
