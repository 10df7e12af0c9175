/** Safetensors files: a JSON header and raw little-endian tensors, read piece by piece and written atomically. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { rowLength, rowsPerPiece } from '../engine/transfer.js';

/** A tensor on the host. */
export interface HostTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/** A tensor in a file, which is read when it is asked for. */
export interface StoredTensor {
  name: string;
  shape: number[];
  /**
   * Its numbers in order as float32, in pieces of whole rows along the first axis, of about 1 MB. A piece is overwritten by the
   * next; all must be read before the next tensor is asked for.
   */
  pieces(): Generator<Float32Array>;
}

/** A tensor to be written; its numbers, or what gives them piece by piece. */
export interface TensorSource {
  name: string;
  shape: number[];
  data: Float32Array | (() => Iterable<Float32Array>);
}

/** What the numbers of a written file are: `BF16` halves it, and rounds each to 8 significant bits. */
export type WrittenType = 'F32' | 'BF16';

const BYTES: { readonly [dtype: string]: number } = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};
const READABLE = new Set(['F32', 'F16', 'BF16']);
/** The format's own limit on the header. */
const LARGEST_HEADER = 100_000_000;

interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  from: number;
  to: number;
}

/**
 * The tensors of a file, whole, one at a time, converted to float32.
 *
 * @throws Error as `storedTensors`
 */
export function* readSafetensors(file: string): Generator<HostTensor> {
  for (const { name, shape, pieces } of storedTensors(file)) {
    const data = new Float32Array(countOf(shape));
    let at = 0;
    for (const piece of pieces()) {
      data.set(piece, at);
      at += piece.length;
    }
    yield { name, shape, data };
  }
}

/**
 * The tensors of a file, read in pieces and converted to float32, so that little more than a piece lies on the host.
 *
 * @throws Error naming the file, the tensor and what is wrong: a truncated or hostile header is refused before anything is
 *   allocated for it
 */
export function* storedTensors(file: string): Generator<StoredTensor> {
  const descriptor = openSync(file, 'r');
  try {
    const { entries, start } = readHeader(descriptor, file);
    const staging: Staging = { floats: new Float32Array(0), halves: new Uint16Array(0) };
    for (const entry of entries) {
      const { name, shape, dtype } = entry;
      if (!READABLE.has(dtype))
        throw new Error(`${file}: tensor '${name}' is ${dtype}; the model needs F32, F16 or BF16`);
      yield { name, shape, pieces: () => readPieces(descriptor, start, entry, staging) };
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The tensors of a checkpoint folder, read in pieces: of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists.
 *
 * @throws Error when the folder has neither, a shard is missing or lies elsewhere, or a shard lacks a tensor it should hold
 */
export function* readCheckpointTensors(folder: string): Generator<StoredTensor> {
  const single = path.join(folder, 'model.safetensors');
  const index = `${single}.index.json`;
  if (existsSync(single)) {
    yield* storedTensors(single);
    return;
  }
  if (!existsSync(index))
    throw new Error(
      `${folder} holds no model.safetensors and no model.safetensors.index.json; is it a checkpoint folder?`,
    );
  const shards = readShards(index);
  for (const [shard, names] of shards) {
    const file = path.join(folder, shard);
    if (!existsSync(file)) throw new Error(`${index} lists ${shard}, which is missing; download it again`);
    for (const tensor of storedTensors(file)) {
      if (names.delete(tensor.name)) yield tensor;
      else throw new Error(`${file} holds '${tensor.name}', which ${path.basename(index)} does not place there`);
    }
    const [missing] = names;
    if (missing !== undefined)
      throw new Error(`${file} lacks '${missing}', which ${path.basename(index)} places there`);
  }
}

/** The tensor names of each shard of a checkpoint's index. */
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

function readHeader(descriptor: number, file: string): { entries: Entry[]; start: number } {
  const fail = (problem: string): never => {
    throw new Error(`${file} is not a sound safetensors file: ${problem}; download or write it again`);
  };
  const size = fstatSync(descriptor).size;
  if (size < 8) fail(`it has ${size} bytes, fewer than the 8 of the header's length`);
  const length = Number(readFully(descriptor, 0, 8).readBigUInt64LE());
  if (length > LARGEST_HEADER) fail(`its header claims ${length} bytes, more than the format allows`);
  if (8 + length > size) fail(`its header claims ${length} bytes, but the file ends after ${size - 8}`);
  let header: { [name: string]: unknown } = {};
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(readFully(descriptor, 8, length)));
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header)) fail('its header is not a JSON object');
  const start = 8 + length;
  const whole = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = (value ?? {}) as { dtype?: string; shape?: unknown; data_offsets?: unknown };
    const bytes = typeof dtype === 'string' && Object.hasOwn(BYTES, dtype) ? BYTES[dtype] : undefined;
    if (bytes === undefined) fail(`tensor '${name}' has the unknown type ${JSON.stringify(dtype)}`);
    if (!Array.isArray(shape) || !shape.every(whole)) fail(`tensor '${name}' has no valid shape`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(whole))
      fail(`tensor '${name}' has no valid offsets`);
    const [from, to] = offsets as [number, number];
    const expected = (shape as number[]).reduce((a, b) => a * b, bytes!);
    if (from > to || start + to > size)
      fail(`tensor '${name}' lies at bytes ${from} to ${to}, outside the ${size - start} bytes of data`);
    if (to - from !== expected)
      fail(`tensor '${name}' of shape [${shape}] needs ${expected} bytes, but has ${to - from}`);
    entries.push({ name, dtype: dtype!, shape: shape as number[], from, to });
  }
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const entry of entries) {
    if (entry.from !== end)
      fail(`tensor '${entry.name}' ${entry.from < end ? 'overlaps the one before it' : 'leaves a gap before it'}`);
    end = entry.to;
  }
  if (start + end !== size) fail(`${size - start - end} bytes after the last tensor belong to none`);
  return { entries, start };
}

function readFully(descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  readInto(descriptor, position, buffer);
  return buffer;
}

/** Fills a buffer from the file. */
function readInto(descriptor: number, position: number, buffer: Uint8Array): void {
  for (let at = 0; at < buffer.length; ) {
    const count = readSync(descriptor, buffer, at, Math.min(buffer.length - at, 1 << 30), position + at);
    if (count === 0) throw new Error(`the file ended while it was read, at byte ${position + at}`);
    at += count;
  }
}

/** Room for a piece as it is in the file and as float32, used again for the next. */
interface Staging {
  floats: Float32Array;
  halves: Uint16Array;
}

function* readPieces(
  descriptor: number,
  start: number,
  { shape, dtype, from }: Entry,
  staging: Staging,
): Generator<Float32Array> {
  const [rows, width] = [shape[0] ?? 1, rowLength(shape)];
  if (rows * width === 0) return;
  const each = Math.min(rows, rowsPerPiece(shape));
  if (staging.floats.length < each * width) staging.floats = new Float32Array(each * width);
  if (dtype !== 'F32' && staging.halves.length < each * width) staging.halves = new Uint16Array(each * width);
  for (let row = 0; row < rows; row += each) {
    const count = Math.min(each, rows - row) * width;
    const stored = (dtype === 'F32' ? staging.floats : staging.halves).subarray(0, count);
    const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    readInto(descriptor, start + from + row * width * BYTES[dtype]!, bytes);
    const piece = staging.floats.subarray(0, count);
    if (dtype === 'BF16') widenBfloat16(staging.halves, piece);
    if (dtype === 'F16') widenHalf(staging.halves, piece);
    yield piece;
  }
}

/** A bfloat16 is the upper half of a float32. (A plain loop: `from` with a function takes 100 times as long.) */
function widenBfloat16(halves: Uint16Array, floats: Float32Array): void {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  for (let i = 0; i < words.length; i++) words[i] = halves[i]! << 16;
}

let halfValues: Float32Array | undefined;

/** By a table of all 65,536 values of IEEE 754 binary16. */
function widenHalf(halves: Uint16Array, floats: Float32Array): void {
  halfValues ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => halfToFloat(half));
  for (let i = 0; i < floats.length; i++) floats[i] = halfValues[halves[i]!]!;
}

/** Float32 to bfloat16, rounded to nearest, ties to even; NaN stays NaN. */
function toBfloat16(data: Float32Array): Uint16Array {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const halves = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const word = words[i]!;
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    halves[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** IEEE 754 binary16 to a number. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Writes tensors under the names and shapes given, whole or not at all.
 *
 * @throws Error naming the file, and the tensor whose numbers do not fill its shape
 */
export function writeSafetensors(file: string, tensors: readonly TensorSource[], dtype: WrittenType = 'F32'): void {
  const width = BYTES[dtype]!;
  const header: { [name: string]: unknown } = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    const count = countOf(shape);
    if (typeof data !== 'function' && data.length !== count)
      throw new Error(`tensor '${name}' of shape [${shape}] cannot hold ${data.length} numbers`);
    if (Object.hasOwn(header, name)) throw new Error(`two tensors are named '${name}'`);
    header[name] = { dtype, shape, data_offsets: [offset, offset + width * count] };
    offset += width * count;
  }
  // Padded with spaces, so that the data starts at a multiple of 8 bytes.
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(file, (write) => {
    write(length);
    write(padded);
    for (const { name, shape, data } of tensors) {
      let written = 0;
      for (const piece of typeof data === 'function' ? data() : [data]) {
        const numbers = dtype === 'BF16' ? toBfloat16(piece) : piece;
        write(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
        written += piece.length;
      }
      if (written !== countOf(shape))
        throw new Error(`tensor '${name}' of shape [${shape}] cannot hold ${written} numbers`);
    }
  });
}

/** The size above which transformers cuts a checkpoint into several files, in bytes. */
export const SHARD_BYTES = 5e9;

/**
 * Writes the weights of a checkpoint folder: `model.safetensors`, or, above `shardBytes`, several files and
 * `model.safetensors.index.json`, named as transformers names them. A tensor is never cut, so that one larger than
 * `shardBytes` has a file to itself.
 */
export function writeCheckpointTensors(
  folder: string,
  tensors: readonly TensorSource[],
  { dtype = 'F32', shardBytes = SHARD_BYTES }: { dtype?: WrittenType; shardBytes?: number } = {},
): void {
  const bytesOf = ({ shape }: TensorSource) => BYTES[dtype]! * countOf(shape);
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    if (filled > 0 && filled + bytesOf(tensor) > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(tensor);
    filled += bytesOf(tensor);
  }
  if (shards.length === 1) {
    writeSafetensors(path.join(folder, 'model.safetensors'), tensors, dtype);
    return;
  }
  const digits = (n: number) => String(n).padStart(5, '0');
  const weightMap: { [name: string]: string } = {};
  shards.forEach((shard, i) => {
    const name = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    writeSafetensors(path.join(folder, name), shard, dtype);
    for (const tensor of shard) weightMap[tensor.name] = name;
  });
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  writeFileAtomic(path.join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
