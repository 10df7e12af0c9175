/** Prompts that are encoded when they are needed. All prompts of a large set, with their images, would not fit in memory. */
import type { EncodedPrompt } from './generate.js';

/** A row with its prompt, or with a function that makes the same prompt each time. */
export type Deferred<Row extends { prompt: EncodedPrompt }> = Omit<Row, 'prompt'> & {
  prompt: EncodedPrompt | (() => Promise<EncodedPrompt>);
};

/** Makes the prompts of some rows, all at once. */
export function preparePrompts<Row extends { prompt: EncodedPrompt }>(rows: readonly Deferred<Row>[]): Promise<Row[]> {
  const prepare = async (row: Deferred<Row>) => ({
    ...row,
    prompt: typeof row.prompt === 'function' ? await row.prompt() : row.prompt,
  });
  return Promise.all(rows.map((row) => prepare(row) as Promise<unknown> as Promise<Row>));
}
