/**
 * The cache of the Hugging Face hub, which the field's programs share: where a model lies in it, and whether all of it is there.
 * Nothing here uses the network; `hub.ts` downloads.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { getHFHubCachePath, getRepoFolderName } from '@huggingface/hub';
import { adapterBaseName, isAdapterFolder } from './adapter-config.js';
import { INDEX_FILE, readShards, SINGLE_FILE } from './checkpoint-files.js';

/** A model on the hub: `organisation/name`, and a branch, tag or commit of it. */
export interface ModelId {
  repo: string;
  revision: string;
}

/** A commit's name: a revision of this form never changes. */
export const COMMIT = /^[0-9a-f]{40}$/;

/** The folder of a model by its id, if all of it is in the cache; else undefined. */
export function cachedModel(name: string): string | undefined {
  const id = parseId(name);
  if (!id) return undefined;
  const storage = storageOf(id);
  const ref = path.join(storage, 'refs', id.revision);
  const commit = COMMIT.test(id.revision) ? id.revision : existsSync(ref) ? readFileSync(ref, 'utf8').trim() : '';
  const folder = path.join(storage, 'snapshots', commit);
  return COMMIT.test(commit) && isComplete(folder) ? folder : undefined;
}

/** True for a folder that holds a configuration and all the weights that it names. */
function isComplete(folder: string): boolean {
  const has = (file: string) => existsSync(path.join(folder, file));
  if (has('adapter_config.json')) return has('adapter_model.safetensors');
  if (!has('config.json')) return false;
  if (has(SINGLE_FILE)) return true;
  if (!has(INDEX_FILE)) return false;
  return [...readShards(path.join(folder, INDEX_FILE)).keys()].every(has);
}

/** The id of an adapter's base model; undefined if the base is a folder on this machine. */
export function baseId(folder: string): string | undefined {
  if (!isAdapterFolder(folder)) return undefined;
  const base = adapterBaseName(folder);
  return baseFolder(folder, base) === undefined && parseId(base) ? base : undefined;
}

/**
 * The folder of the model that an adapter was trained on. A relative path starts at the adapter's own folder or at the working folder; an
 * id means the model in the cache.
 *
 * @throws Error if there is no such folder
 */
export function adapterBase(folder: string): string {
  const base = adapterBaseName(folder);
  const model = baseFolder(folder, base) ?? cachedModel(base);
  if (model === undefined)
    throw new Error(
      `${folder}: its base model '${base}' is neither a folder nor in the cache; fetch it with fetchModelFolder, or write where it lies ` +
        `now into base_model_name_or_path of ${path.join(folder, 'adapter_config.json')}`,
    );
  return model;
}

/** The folder that an adapter calls its base: from the adapter's own folder, or, as PEFT writes it, from where a program is started. */
function baseFolder(folder: string, base: string): string | undefined {
  return [path.resolve(folder, base), path.resolve(base)].find((place) => existsSync(path.join(place, 'config.json')));
}

/** The id and commit of a folder in the hub's cache, as adapters name their base model; undefined for a folder elsewhere. */
export function idOfFolder(folder: string): ModelId | undefined {
  const [storage, snapshots, commit, ...rest] = path
    .relative(getHFHubCachePath(), path.resolve(folder))
    .split(path.sep);
  const match = /^models--(.+?)--(.+)$/.exec(storage ?? '');
  if (!match || snapshots !== 'snapshots' || !COMMIT.test(commit ?? '') || rest.length > 0) return undefined;
  return { repo: `${match[1]}/${match[2]}`, revision: commit! };
}

/** The id that a name means; undefined if it has another form. */
export function parseId(name: string): ModelId | undefined {
  const match = /^(\w[\w.-]*\/\w[\w.-]*)(?:@(\w[\w./-]*))?$/.exec(name);
  if (!match || name.includes('..')) return undefined;
  return { repo: match[1]!, revision: match[2] ?? 'main' };
}

/** The folder of a model in the cache, with all of its revisions. */
export function storageOf({ repo }: ModelId): string {
  return path.join(getHFHubCachePath(), getRepoFolderName({ type: 'model', name: repo }));
}
