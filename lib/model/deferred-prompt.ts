/** Prompts that are encoded when they are needed. All prompts of a large set, with their images, would not fit in memory. */
import type { EncodedPrompt } from './generate.js';

/** A row with its prompt, or with a function that makes the same prompt each time. */
export type Deferred<Row extends { prompt: EncodedPrompt }> = Omit<Row, 'prompt'> & {
  prompt: EncodedPrompt | (() => Promise<EncodedPrompt>);
};

/** The prompts that are made at once: as many as keep the decoders of images busy. More would only hold more originals in memory. */
const AT_ONCE = 8;

/** Makes the prompts of some rows, a few at a time. */
export async function preparePrompts<Row extends { prompt: EncodedPrompt }>(
  rows: readonly Deferred<Row>[],
): Promise<Row[]> {
  const prepare = async (row: Deferred<Row>) => ({
    ...row,
    prompt: typeof row.prompt === 'function' ? await row.prompt() : row.prompt,
  });
  const prepared: unknown[] = [];
  for (let first = 0; first < rows.length; first += AT_ONCE)
    prepared.push(...(await Promise.all(rows.slice(first, first + AT_ONCE).map(prepare))));
  return prepared as Row[];
}
