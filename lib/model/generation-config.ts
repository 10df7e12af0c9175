/** A checkpoint's `generation_config.json`: the tokens that end a completion. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const schema = z.object({
  eos_token_id: z.union([z.number().int().min(0), z.array(z.number().int().min(0)).min(1)]).nullish(),
});

/**
 * The tokens at which generation stops: the end of a turn, and any others that the checkpoint names. The published checkpoints name
 * `<|endoftext|>`.
 *
 * @param endOfTurn `<|im_end|>`, which completions are trained to end with
 * @throws Error naming the file when it is not JSON or `eos_token_id` is neither a token id nor a list of them
 */
export function endTokens(folder: string, endOfTurn: number): number[] {
  const file = path.join(folder, 'generation_config.json');
  if (!existsSync(file)) return [endOfTurn];
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is not JSON (${(error as Error).message}); download it again`);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw new Error(`${file}: eos_token_id must be a token id or a list of them`);
  const ids = parsed.data.eos_token_id ?? [];
  return [...new Set([endOfTurn, ...(Array.isArray(ids) ? ids : [ids])])];
}
