/** The weights of a checkpoint folder: one safetensors file, or shards with an index. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';
import {
  type StoredTensor,
  storedBytes,
  storedTensors,
  type TensorSource,
  type WrittenType,
  writeSafetensors,
} from './safetensors.js';

/** The names of the two layouts' files in a checkpoint folder. */
export const [SINGLE_FILE, INDEX_FILE] = ['model.safetensors', 'model.safetensors.index.json'] as const;

/**
 * Reads the tensors of a checkpoint folder in pieces: those of `model.safetensors`, or of the shards that
 * `model.safetensors.index.json` lists.
 *
 * The index decides: tensors of a shard that it does not place there are left out, with a warning.
 *
 * @throws Error when the folder has neither, a shard is missing or lies elsewhere, or a shard lacks a tensor that the index places
 *   there
 */
export function* readCheckpointTensors(folder: string): Generator<StoredTensor> {
  const single = path.join(folder, SINGLE_FILE);
  if (existsSync(single)) {
    yield* storedTensors(single);
    return;
  }
  const index = path.join(folder, INDEX_FILE);
  if (!existsSync(index))
    throw new Error(`${folder} holds no ${SINGLE_FILE} and no ${INDEX_FILE}; is it a checkpoint folder?`);
  for (const [shard, names] of readShards(index)) {
    const file = path.join(folder, shard);
    if (!existsSync(file)) throw new Error(`${index} lists ${shard}, which is missing; download it again`);
    const others: string[] = [];
    yield* storedTensors(file, (name) => {
      const isPlaced = names.delete(name);
      if (!isPlaced) others.push(name);
      return isPlaced;
    });
    if (others.length > 0) warnOfOthers(file, others);
    const [missing] = names;
    if (missing !== undefined) throw new Error(`${file} lacks '${missing}', which ${INDEX_FILE} places there`);
  }
}

/** The most names of tensors that a warning lists. */
const MOST_LISTED = 5;

function warnOfOthers(file: string, names: readonly string[]): void {
  const listed = names.slice(0, MOST_LISTED).join(', ');
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : '';
  console.warn(`${file}: ${INDEX_FILE} does not place ${listed}${more} there; left out`);
}

/**
 * Reads the index of a checkpoint: the names of each shard's tensors.
 *
 * @throws Error when it is not JSON, or names a file that is not a shard in the same folder
 */
export function readShards(index: string): Map<string, Set<string>> {
  const shards = new Map<string, Set<string>>();
  let map: unknown;
  try {
    map = (JSON.parse(readFileSync(index, 'utf8')) as { weight_map?: unknown } | null)?.weight_map;
  } catch (error) {
    throw new Error(`${index} is not JSON (${(error as Error).message}); download it again`);
  }
  if (map === null || typeof map !== 'object' || Array.isArray(map))
    throw new Error(`${index} has no weight_map; download it again`);
  for (const [name, shard] of Object.entries(map)) {
    // A name with a folder in it could point anywhere on the disk.
    if (typeof shard !== 'string' || !/^[\w.-]+\.safetensors$/.test(shard)) {
      throw new Error(
        `${index}: '${name}' lies in ${JSON.stringify(shard)}, which is not a .safetensors file of this folder`,
      );
    }
    const names = shards.get(shard) ?? new Set();
    shards.set(shard, names.add(name));
  }
  return shards;
}

/** The size above which transformers cuts a checkpoint into several files, in bytes. */
export const SHARD_BYTES = 5e9;

/**
 * Writes the weights of a checkpoint folder: `model.safetensors`; above `shardBytes`, several files and
 * `model.safetensors.index.json`, named as transformers names them. A tensor is never cut, so one that is larger than `shardBytes`
 * has a file to itself.
 */
export function writeCheckpointTensors(
  folder: string,
  tensors: readonly TensorSource[],
  { dtype = 'F32', shardBytes = SHARD_BYTES }: { dtype?: WrittenType; shardBytes?: number } = {},
): void {
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    const bytes = storedBytes(tensor.shape, dtype);
    if (filled > 0 && filled + bytes > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(tensor);
    filled += bytes;
  }
  if (shards.length === 1) {
    writeSafetensors(path.join(folder, SINGLE_FILE), tensors, dtype);
    return;
  }
  const digits = (n: number) => String(n).padStart(5, '0');
  const weightMap: { [name: string]: string } = {};
  shards.forEach((shard, i) => {
    const name = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    writeSafetensors(path.join(folder, name), shard, dtype);
    for (const tensor of shard) weightMap[tensor.name] = name;
  });
  const total = tensors.reduce((sum, { shape }) => sum + storedBytes(shape, dtype), 0);
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  writeFileAtomic(path.join(folder, INDEX_FILE), `${JSON.stringify(index, null, 2)}\n`);
}
