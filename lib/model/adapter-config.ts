/** PEFT's `adapter_config.json`: what an adapter computes, and the base model that it was trained on. What the kit lacks is refused. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/**
 * The ways to begin an adapter that leave the base model's weights as they are. PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA take a part out of
 * them, which PEFT does again when it loads the adapter; here it would be missing.
 */
const PLAIN_STARTS = [true, false, 'gaussian', 'eva', 'orthogonal'] as const;

/** A field that must be null, absent or empty: what it asks for is not computed here. */
const unused = (what: string) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null || value === false || isEmptyList(value), {
      error: `asks for ${what}, which the kit does not compute`,
    })
    .optional();

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** The fields of `adapter_config.json` that decide what an adapter computes. */
const configSchema = z.object({
  peft_type: z.literal('LORA'),
  base_model_name_or_path: z.string().nullish(),
  revision: z.string().nullish(),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  target_modules: z.union([z.array(z.string()), z.string()]).nullish(),
  use_rslora: z.boolean().nullish(),
  lora_dropout: z.number().min(0).lt(1).nullish(),
  use_dora: z.literal(false).nullish(),
  bias: z.literal('none').nullish(),
  fan_in_fan_out: z.literal(false).nullish(),
  modules_to_save: z.array(z.string()).max(0).nullish(),
  rank_pattern: z.record(z.string(), z.never()).nullish(),
  alpha_pattern: z.record(z.string(), z.never()).nullish(),
  init_lora_weights: z
    .literal(PLAIN_STARTS, {
      error: ({ input }) =>
        `${JSON.stringify(input)} is none of ${PLAIN_STARTS.join(', ')}, which leave the base model's weights as they are; convert the adapter to plain LoRA with PEFT ` +
        '(path_initial_model_for_weight_conversion of save_pretrained), or merge it there',
    })
    .nullish(),
  alora_invocation_tokens: unused('adapters that begin at invocation tokens (aLoRA)'),
  use_qalora: unused('quantization-aware adapters'),
  use_bdlora: unused('block-diagonal adapters'),
  kasa_config: unused('KaSA'),
  monteclora_config: unused('MonteCLoRA'),
  arrow_config: unused('routing between adapters (Arrow)'),
  lora_bias: unused('a bias of the adapter'),
  layer_replication: unused('layers that are used more than once'),
  target_parameters: unused('adapters of bare parameters'),
  trainable_token_indices: unused('trained rows of the embedding'),
});

/** What the kit reads of `adapter_config.json`. */
export type AdapterConfig = z.output<typeof configSchema>;

/** True for a folder that holds an adapter. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(path.join(folder, 'adapter_config.json'));
}

/**
 * Reads `adapter_config.json` of an adapter's folder.
 *
 * @throws Error naming the file and each field that asks for what the kit does not compute
 */
export function readAdapterConfig(folder: string): AdapterConfig {
  const file = path.join(folder, 'adapter_config.json');
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}; is '${folder}' an adapter's folder?`);
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
    throw new Error(`${file} is not a LoRA adapter that the kit can read: ${problems.join('; ')}`);
  }
  return parsed.data;
}

/** The name that an adapter's folder gives its base model: a folder, or an id, with the revision if there is one. */
export function adapterBaseName(folder: string): string {
  const { base_model_name_or_path: base, revision } = readAdapterConfig(folder);
  if (!base) throw new Error(`${folder}/adapter_config.json does not say its base model (base_model_name_or_path)`);
  return revision ? `${base}@${revision}` : base;
}
