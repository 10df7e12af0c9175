/** The settings of a run as its trainer recorded them, and the base model that they name. They are kept as they are, without secrets. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse as parseYaml } from 'yaml';
import { isAdapterFolder, readAdapterConfig } from '../model/adapter-config.js';
import type { Json } from '../train/run-configuration.js';
import { fieldsOf, parsePythonJson } from './python-json.js';

/** Settings by the file or the text that they come from. */
export type RecordedSettings = { [source: string]: Json };

/**
 * Reads files of settings: ms-swift's `args.json`, Hydra's `config.yaml`, and `experiment.json` of a folder that the kit has handed over.
 *
 * @throws Error naming a file that is neither JSON nor YAML
 */
export function readSettings(files: readonly string[]): RecordedSettings {
  const entries = files.map((file) => {
    try {
      const text = readFileSync(file, 'utf8');
      const settings: unknown = file.endsWith('.json') ? parsePythonJson(text) : parseYaml(text);
      return [path.basename(file), recordable(settings)] as const;
    } catch (error) {
      throw new Error(
        `${file} cannot be read (${(error as Error).message}); copy it anew, or move it away to take the run back without it`,
      );
    }
  });
  return Object.fromEntries(entries);
}

/** Names of settings whose texts nobody should find in a run's folder. */
const SECRET = /(token|api_?key|password|secret)$/i;

/** Settings as plain JSON: without nulls, and without the texts of secrets. */
export function recordable(value: unknown, name = ''): Json {
  if (typeof value === 'string' && value !== '' && SECRET.test(name)) return '(left out)';
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'string')
    return value ?? null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map((entry) => recordable(entry, name));
  if (typeof value !== 'object') return String(value);
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, recordable(field, key)]));
}

/** The first setting of a name, however deep it stands. */
export function settingNamed(settings: Json, name: string): Json | undefined {
  const fields = fieldsOf(settings) as { [field: string]: Json } | undefined;
  if (!fields) return undefined;
  if (Object.hasOwn(fields, name)) return fields[name];
  for (const field of Object.values(fields)) {
    const value = settingNamed(field, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The base model that a run started from: as its adapters, its settings or its model card name it. */
export function baseModelOf(settings: RecordedSettings, checkpoint: string | undefined): string | undefined {
  if (checkpoint !== undefined && isAdapterFolder(checkpoint)) {
    const base = readAdapterConfig(checkpoint).base_model_name_or_path;
    if (base) return base;
  }
  const verl = fieldsOf(fieldsOf(fieldsOf(settings['config.yaml'])?.actor_rollout_ref)?.model)?.path;
  const swift = fieldsOf(settings['args.json'])?.model;
  const trl = fieldsOf(settings.model_config)?._name_or_path;
  const handedOver = fieldsOf(fieldsOf(settings['experiment.json'])?.model);
  for (const name of [handedOver?.repo, handedOver?.folder, verl, swift, trl])
    if (typeof name === 'string' && name !== '') return name;
  if (checkpoint === undefined) return undefined;
  // TRL writes its card into the folder of the run and into that of the outcome.
  return baseInCard(path.join(checkpoint, 'README.md')) ?? baseInCard(path.join(path.dirname(checkpoint), 'README.md'));
}

/** The `base_model` of a model card; undefined where there is none. */
function baseInCard(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const front = /^---\n([\s\S]*?)\n---/.exec(readFileSync(file, 'utf8'))?.[1];
  try {
    const base = fieldsOf(parseYaml(front ?? ''))?.base_model;
    return typeof base === 'string' ? base : undefined;
  } catch {
    return undefined;
  }
}
