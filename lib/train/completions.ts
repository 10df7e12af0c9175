/** The completions of a step as a Parquet table, as TRL leaves them: a row a completion, a column a reward. */
import { existsSync, readFileSync } from 'node:fs';
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { writeFileAtomic } from '../engine/atomic-write.js';

/** One completion as it is logged. */
export interface LoggedCompletion {
  /** The first is 1. */
  step: number;
  /** The record's. */
  id: string;
  /** The chat as the model read it, without special tokens. */
  prompt: string;
  solution: string;
  completion: string;
  rewards: { [name: string]: number | null };
  /** Their weighted sum; null if none of them applies. */
  reward: number | null;
  /** Null, as the two below, where another trainer drew the completion and did not log it. */
  advantage: number | null;
  tokens: number | null;
  /** Whether it came to its end token before the limit. */
  ended: boolean | null;
}

/** The columns that every table has. All others are rewards, by their names. */
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

/** Whether the table has a column of this name that is no reward's. */
export function isFixedColumn(name: string): boolean {
  return Object.hasOwn(COLUMNS, name);
}

/**
 * Writes the table of one step, whole or not at all.
 *
 * @throws Error when a reward has the name of another column
 */
export function writeCompletions(file: string, rows: readonly LoggedCompletion[]): void {
  const rewards = [...new Set(rows.flatMap((row) => Object.keys(row.rewards)))];
  const taken = rewards.find(isFixedColumn);
  if (taken !== undefined)
    throw new Error(
      `a reward may not be named '${taken}': the table of completions has a column of that name; rename the reward`,
    );
  const fixed = Object.entries(COLUMNS).map(([name, type]) => {
    const data = rows.map((row) => row[name as keyof typeof COLUMNS]);
    return { name, type, nullable: name === 'reward' || data.includes(null), data };
  });
  const scores = rewards.map((name) => ({
    name,
    type: 'DOUBLE' as const,
    nullable: true,
    data: rows.map((row) => row.rewards[name] ?? null),
  }));
  writeFileAtomic(file, new Uint8Array(parquetWriteBuffer({ columnData: [...fixed, ...scores] })));
}

/** Reads the table of one step; no rows when there is no such file. */
export async function readCompletions(file: string): Promise<LoggedCompletion[]> {
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  const content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await parquetReadObjects({ file: content });
  return rows.map((row) => {
    const entries = Object.entries(row);
    const rewards = entries.filter(([name]) => !isFixedColumn(name));
    const fixed = entries.filter(([name]) => isFixedColumn(name));
    return { ...Object.fromEntries(fixed), rewards: Object.fromEntries(rewards) } as LoggedCompletion;
  });
}
