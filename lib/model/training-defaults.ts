/**
 * `training_defaults.json` beside a checkpoint: the preset that the checkpoint learns well with. The nano model has one, and so has all
 * that is trained from it. A published checkpoint has none, and takes the settings of the paper.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isAdapterFolder } from './adapter-config.js';
import { adapterBase } from './hub-cache.js';

/** The name of the file. It says nothing of what the model computes, and so is no part of what a run is known by. */
export const DEFAULTS_FILE = 'training_defaults.json';

/** The content of the nano model's file. */
export const NANO_DEFAULTS = { preset: 'nano' } as const;

const schema = z.object({
  preset: z.literal('nano', { error: "must be 'nano', the only preset of a checkpoint's own" }),
});

/** The preset that a checkpoint brings, and the file that says so. */
export interface CheckpointDefaults {
  preset: 'nano';
  file: string;
}

/**
 * The defaults of a checkpoint, or of the base model of adapters; undefined if it brings none.
 *
 * @throws Error naming the file when it does not hold what it should
 */
export function checkpointDefaults(folder: string): CheckpointDefaults | undefined {
  const file = path.join(isAdapterFolder(folder) ? adapterBase(folder) : folder, DEFAULTS_FILE);
  if (!existsSync(file)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is not JSON (${(error as Error).message}); remove it to take the paper's settings`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw new Error(`${file}: ${z.prettifyError(parsed.error)}; remove it to take the paper's settings`);
  return { preset: parsed.data.preset, file };
}
