/**
 * Fetches models by id from the Hugging Face hub, or from a mirror of it, into the cache that the field's programs share.
 *
 * The field's usual variables hold: `HF_HOME` or `HF_HUB_CACHE` (the cache), and those of `hub-access.ts` and `hub-proxy.ts`.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import {
  downloadFile,
  getHFHubCachePath,
  HubApiError,
  type ListFileEntry,
  listFiles,
  modelInfo,
} from '@huggingface/hub';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { isGoneMark, processMark } from '../engine/partial-folder.js';
import { access, endpoint, isOffline, tokenFile } from './hub-access.js';
import { baseId, COMMIT, cachedModel, type ModelId, parseId, storageOf } from './hub-cache.js';
import { checkModelFolder } from './model-folder.js';

/** How a download is watched. */
export interface FetchOptions {
  /** Is called as bytes arrive: the bytes of all files so far, their total, and the file at work. */
  onProgress?: (done: number, total: number, file: string) => void;
}

/** The files of a model that the kit, transformers and vLLM read. Weights in other formats are not among them. */
const WANTED =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|processor_config|preprocessor_config|video_preprocessor_config|adapter_config|training_defaults)\.json$|^(merges\.txt|chat_template\.jinja)$|^(model|adapter_model)[\w.-]*\.safetensors(\.index\.json)?$/;
/** A download is given up after so many transfers of a file in a row that bring no further byte. */
const ATTEMPTS = 3;

/**
 * Gives the folder of a model, and downloads the model if need be. A `name` that is a folder is that folder. Any other is an id,
 * `organisation/name` or `organisation/name@revision`, and means the model's folder in the cache, into which its files are
 * downloaded if they are not there yet. With an adapter comes its base model.
 *
 * An interrupted download goes on where it stopped, and every file is compared with the hub's checksum.
 *
 * @throws Error that says what is wrong and what to do: the folder is a run's and not its checkpoint's, the model is unknown or private, it is not in the cache and
 *   `HF_HUB_OFFLINE` is set, the hub cannot be reached, the disk is too small, or a file arrived damaged
 */
export async function fetchModelFolder(name: string, options: FetchOptions = {}): Promise<string> {
  const folder = existsSync(name) ? name : await folderOfId(name, options);
  checkModelFolder(folder);
  const base = baseId(folder);
  if (base !== undefined) await folderOfId(base, options);
  return folder;
}

async function folderOfId(name: string, options: FetchOptions): Promise<string> {
  const id = parseId(name);
  if (!id)
    throw new Error(
      `there is no folder '${name}', nor is it the id of a model, such as Qwen/Qwen2-VL-2B-Instruct or organisation/name@revision`,
    );
  const cached = cachedModel(name);
  // A commit never changes, but a branch or tag may have moved on.
  if (cached !== undefined && (COMMIT.test(id.revision) || isOffline())) return cached;
  if (isOffline())
    throw new Error(
      `${name} is not in the cache (${getHFHubCachePath()}), and HF_HUB_OFFLINE forbids to download it; unset that, or name a folder`,
    );
  try {
    return await download(id, options);
  } catch (error) {
    if (cached === undefined || !isUnreachable(error)) throw explain(error as Error, id);
    console.warn(`hub: ${endpoint()} cannot be reached; taking ${name} as it is in the cache`);
    return cached;
  }
}

async function download(id: ModelId, { onProgress }: FetchOptions): Promise<string> {
  const { sha: commit } = await modelInfo({
    name: id.repo,
    revision: id.revision,
    additionalFields: ['sha'],
    ...access(),
  });
  const files: ListFileEntry[] = [];
  for await (const entry of listFiles({ repo: id.repo, revision: commit, ...access() }))
    if (entry.type === 'file' && WANTED.test(entry.path)) files.push(entry);
  // Checksums become names of files, so they must not lead out of the folder.
  for (const hash of [commit, ...files.map(checksumOf)])
    if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(hash)) throw new Error(`${endpoint()} gives '${hash}' for a checksum`);
  if (!files.some(({ path: file }) => file.endsWith('.safetensors')))
    throw new Error(`${id.repo} has no weights as .safetensors; convert it with transformers, and name the folder`);

  const storage = storageOf(id);
  const folder = path.join(storage, 'snapshots', commit);
  mkdirSync(path.join(storage, 'blobs'), { recursive: true });
  mkdirSync(folder, { recursive: true });
  const missing = files.filter((file) => !existsSync(blobOf(storage, file)));
  const total = missing.reduce((sum, file) => sum + file.size, 0);
  const present = missing.reduce((sum, file) => sum + sizeOf(leftPartial(storage, file)), 0);
  const { bavail, bsize } = statfsSync(storage);
  if (Number(bavail) * Number(bsize) < total - present)
    throw new Error(
      `${id.repo} needs ${((total - present) / 1e9).toFixed(1)} GB more in ${storage}, where ${((Number(bavail) * Number(bsize)) / 1e9).toFixed(1)} GB are free; set HF_HOME to a larger disk`,
    );
  let before = 0;
  for (const file of missing) {
    await fetchFile(id.repo, commit, file, storage, (bytes) => onProgress?.(before + bytes, total, file.path));
    before += file.size;
  }
  for (const file of files) {
    linkTo(blobOf(storage, file), path.join(folder, file.path));
  }
  // The branch is written last, so that it never names half a model.
  if (id.revision !== commit) writeFileAtomic(path.join(storage, 'refs', id.revision), commit);
  return folder;
}

/** Links a file of a snapshot to its content, where it is not linked yet. */
function linkTo(blob: string, link: string): void {
  try {
    symlinkSync(path.relative(path.dirname(link), blob), link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The name of a file's content on the hub: the SHA-256 by which Git LFS names a large file, or the SHA-1 by which git names others. */
function checksumOf({ lfs, oid = '' }: ListFileEntry): string {
  return lfs?.oid ?? oid;
}

function blobOf(storage: string, file: ListFileEntry): string {
  return path.join(storage, 'blobs', checksumOf(file));
}

/** What an earlier transfer of a file left and no process is writing to. */
function leftPartial(storage: string, file: ListFileEntry): string | undefined {
  const { dir, base } = path.parse(blobOf(storage, file));
  const marks = new RegExp(`^${base}\\.(?:(.+)\\.\\d+\\.)?incomplete$`);
  const left = readdirSync(dir).filter((name) => {
    const [whole, mark] = marks.exec(name) ?? [];
    return whole !== undefined && (mark === undefined || isGoneMark(mark));
  });
  const sorted = left.map((name) => path.join(dir, name)).sort((a, b) => sizeOf(b) - sizeOf(a));
  return sorted[0];
}

let transfers = 0;

/** The partial file that this transfer alone writes to; it begins with what an earlier one left. */
function takePartial(storage: string, file: ListFileEntry): string {
  const partial = `${blobOf(storage, file)}.${processMark()}.${transfers++}.incomplete`;
  const left = leftPartial(storage, file);
  try {
    if (left !== undefined) renameSync(left, partial);
  } catch (error) {
    // Another process has just taken it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return partial;
}

function sizeOf(file: string | undefined): number {
  return file !== undefined && existsSync(file) ? statSync(file).size : 0;
}

/**
 * Downloads one file, from the place where an earlier transfer stopped. When two processes download it at once, both transfer the
 * whole of it, each into a file of its own.
 */
async function fetchFile(
  repo: string,
  commit: string,
  file: ListFileEntry,
  storage: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  if (existsSync(blobOf(storage, file))) return;
  const partial = takePartial(storage, file);
  try {
    await fillPartial(repo, commit, file, partial, onBytes);
    renameSync(partial, blobOf(storage, file));
  } catch (error) {
    // Under this name the next transfer finds it, in whichever process.
    if (existsSync(partial)) renameSync(partial, `${blobOf(storage, file)}.incomplete`);
    throw error;
  }
}

/** Transfers what a partial file lacks. @throws Error when the hub does not give it, or it arrived damaged; then it is removed */
async function fillPartial(
  repo: string,
  commit: string,
  file: ListFileEntry,
  partial: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let fruitless = 0;
  while (sizeOf(partial) < file.size || !existsSync(partial)) {
    const from = sizeOf(partial);
    try {
      await transfer(repo, commit, file, partial, onBytes);
      if (sizeOf(partial) < file.size) throw new Error('the connection was closed early');
    } catch (error) {
      if (error instanceof HubApiError && error.statusCode < 500) throw error;
      fruitless = sizeOf(partial) > from ? 0 : fruitless + 1;
      if (fruitless === ATTEMPTS)
        throw new Error(
          `the transfer of ${file.path} was interrupted at ${sizeOf(partial)} of ${file.size} bytes (${reasonOf(error)}); run the same again: it goes on from there`,
          { cause: error },
        );
    }
  }
  const actual = await computeChecksum(partial, file);
  if (actual !== checksumOf(file)) {
    rmSync(partial);
    throw new Error(
      `${file.path} of ${repo} arrived damaged: its checksum is ${actual}, but ${endpoint()} says ${checksumOf(file)}; it was removed, run the same again`,
    );
  }
}

async function transfer(
  repo: string,
  commit: string,
  file: ListFileEntry,
  partial: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const blob = await downloadFile({ repo, path: file.path, revision: commit, ...access() });
  if (!blob) throw new Error(`${endpoint()} lists ${file.path}, but does not have it`);
  let bytes = sizeOf(partial);
  const rest = bytes > 0 ? blob.slice(bytes) : blob;
  const counted = async function* (pieces: AsyncIterable<Uint8Array>) {
    for await (const piece of pieces) {
      bytes += piece.length;
      onBytes(bytes);
      yield piece;
    }
  };
  const target = createWriteStream(partial, { flags: 'a' });
  try {
    await pipeline(Readable.fromWeb(rest.stream() as ReadableStream), counted, target);
  } finally {
    // A write that was under way when the transfer broke off must be in the file before the file is measured.
    if (!target.closed) await once(target, 'close');
  }
}

async function computeChecksum(place: string, file: ListFileEntry): Promise<string> {
  const hash = createHash(file.lfs ? 'sha256' : 'sha1');
  if (!file.lfs) hash.update(`blob ${sizeOf(place)}\0`);
  for await (const piece of createReadStream(place)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** True of an error that means that no answer came: no network, a wrong address, a hub that is down. */
function isUnreachable(error: unknown): boolean {
  return (error instanceof TypeError && error.message === 'fetch failed') || statusOf(error) >= 500;
}

function statusOf(error: unknown): number {
  return error instanceof HubApiError ? error.statusCode : 0;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** An error that says what to do, in place of the hub's own. */
function explain(error: Error, { repo, revision }: ModelId): Error {
  const place = `${endpoint()}/${repo}`;
  const status = statusOf(error);
  const because = (text: string) => new Error(text, { cause: error });
  if (status === 404)
    return because(
      `there is no folder '${repo}', and ${place} does not exist, or has no revision '${revision}'; look at the spelling`,
    );
  if (status === 401 || status === 403)
    return because(
      `there is no folder '${repo}', and ${place} does not exist, or is private or gated: look at the spelling, accept its terms on its page, and set HF_TOKEN, or log in with 'hf auth login', which writes ${tokenFile()}`,
    );
  if (isUnreachable(error))
    return because(
      `${endpoint()} cannot be reached (${reasonOf(error)}); look at the network, HF_ENDPOINT and HTTPS_PROXY, or name a folder that holds the model`,
    );
  return error;
}
