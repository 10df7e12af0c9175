/** Prompts that are encoded when they are needed: those of a large set, with their images, would not fit in memory. */
import type { EncodedPrompt } from './generate.js';

/** A row whose prompt is there, or is made each time that it is asked for, always the same. */
export type Deferred<Row extends { prompt: EncodedPrompt }> = Omit<Row, 'prompt'> & {
  prompt: EncodedPrompt | (() => Promise<EncodedPrompt>);
};

/** Rows with their prompts, which are made together. */
export function preparePrompts<Row extends { prompt: EncodedPrompt }>(rows: readonly Deferred<Row>[]): Promise<Row[]> {
  const prepare = async (row: Deferred<Row>) => ({
    ...row,
    prompt: typeof row.prompt === 'function' ? await row.prompt() : row.prompt,
  });
  return Promise.all(rows.map((row) => prepare(row) as Promise<unknown> as Promise<Row>));
}
