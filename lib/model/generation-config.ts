/** A checkpoint's `generation_config.json`: the tokens that end a completion, and the penalty on repetition. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const tokenId = z.number().int().min(0);
const schema = z.looseObject({
  eos_token_id: z
    .union([tokenId, z.array(tokenId).min(1)], { error: 'must be a token id or a list of them' })
    .nullish(),
  repetition_penalty: z.number({ error: 'must be a number above 0' }).positive('must be a number above 0').nullish(),
});

/** What `generation_config.json` says of every completion, however it is drawn. */
export interface GenerationConfig {
  /** The tokens at which generation stops: the end of a turn, and any others that the checkpoint names. */
  endTokens: number[];
  /** See `SamplingSettings`; 1 where the file has none. */
  repetitionPenalty: number;
}

/** Fields by which transformers changes greedy completions too, and that are not applied here, with the values that change nothing. */
const NOT_APPLIED: { readonly [field: string]: readonly unknown[] } = {
  no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  min_length: [0],
  min_new_tokens: [0],
  num_beams: [1],
  bad_words_ids: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  sequence_bias: [],
  exponential_decay_length_penalty: [],
};

/**
 * Reads `generation_config.json` of a checkpoint folder; a folder need not have one. The published checkpoints name `<|endoftext|>` as
 * an end, and those of Qwen2.5-VL a penalty of 1.05. Its temperature, top-k and top-p are not read, since they are what a caller asks
 * for. Fields that would change greedy completions and are not applied are warned of.
 *
 * @param endOfTurn `<|im_end|>`, which completions are trained to end with
 * @throws Error naming the file when it is not JSON, and the field that is wrong
 */
export function readGenerationConfig(folder: string, endOfTurn: number): GenerationConfig {
  const file = path.join(folder, 'generation_config.json');
  if (!existsSync(file)) return { endTokens: [endOfTurn], repetitionPenalty: 1 };
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is not JSON (${(error as Error).message}); download it again`);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`${file}: ${problems.join('; ')}`);
  }
  const asked = Object.entries(NOT_APPLIED).filter(([field, idle]) => {
    const value = parsed.data[field];
    return value !== undefined && value !== null && !idle.includes(value);
  });
  if (asked.length > 0)
    console.warn(
      `${file} asks for ${asked.map(([field]) => field).join(', ')}, which transformers applies and the kit does not: completions may differ`,
    );
  const ids = parsed.data.eos_token_id ?? [];
  return {
    endTokens: [...new Set([endOfTurn, ...(Array.isArray(ids) ? ids : [ids])])],
    repetitionPenalty: parsed.data.repetition_penalty ?? 1,
  };
}
