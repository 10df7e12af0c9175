/** Safetensors files: a JSON header and raw little-endian tensors, read one by one and written atomically. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';

/** A tensor on the host. */
export interface HostTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

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
 * The tensors of a file, converted to float32, read from disk one at a time.
 *
 * @throws Error naming the file, the tensor and what is wrong: a truncated or hostile header is refused before anything is
 *   allocated for it
 */
export function* readSafetensors(file: string): Generator<HostTensor> {
  const descriptor = openSync(file, 'r');
  try {
    const { entries, start } = readHeader(descriptor, file);
    for (const entry of entries) {
      if (!READABLE.has(entry.dtype))
        throw new Error(`${file}: tensor '${entry.name}' is ${entry.dtype}; the model needs F32, F16 or BF16`);
      const bytes = readFully(descriptor, start + entry.from, entry.to - entry.from);
      yield { name: entry.name, shape: entry.shape, data: toFloat32(bytes, entry.dtype) };
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The tensors of a checkpoint folder: of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists.
 *
 * @throws Error when the folder has neither, a shard is missing or lies elsewhere, or a shard lacks a tensor it should hold
 */
export function* readCheckpointTensors(folder: string): Generator<HostTensor> {
  const single = path.join(folder, 'model.safetensors');
  const index = `${single}.index.json`;
  if (existsSync(single)) {
    yield* readSafetensors(single);
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
    for (const tensor of readSafetensors(file)) {
      if (names.delete(tensor.name)) yield tensor;
      else throw new Error(`${file} holds '${tensor.name}', which ${path.basename(index)} does not place there`);
    }
    const [missing] = names;
    if (missing !== undefined)
      throw new Error(`${file} lacks '${missing}', which ${path.basename(index)} places there`);
  }
}

/** The tensor names of each shard. */
function readShards(index: string): Map<string, Set<string>> {
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
  for (let at = 0; at < length; ) {
    const count = readSync(descriptor, buffer, at, Math.min(length - at, 1 << 30), position + at);
    if (count === 0) throw new Error(`the file ended while it was read, at byte ${position + at}`);
    at += count;
  }
  return buffer;
}

function toFloat32(bytes: Buffer, dtype: string): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).slice();
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const floats = new Float32Array(halves.length);
  if (dtype === 'BF16') {
    // A bfloat16 is the upper half of a float32. (A plain loop: `from` with a function takes 100 times as long.)
    const words = new Uint32Array(floats.buffer);
    for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
  } else {
    for (let i = 0; i < halves.length; i++) floats[i] = halfToFloat(halves[i]!);
  }
  return floats;
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
 * @param dtype `BF16` halves the file, and rounds each number to 8 significant bits
 */
export function writeSafetensors(file: string, tensors: readonly HostTensor[], dtype: 'F32' | 'BF16' = 'F32'): void {
  const width = BYTES[dtype]!;
  const header: { [name: string]: unknown } = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    if (data.length !== shape.reduce((a, b) => a * b, 1)) {
      throw new Error(`tensor '${name}' of shape [${shape}] cannot hold ${data.length} numbers`);
    }
    if (Object.hasOwn(header, name)) throw new Error(`two tensors are named '${name}'`);
    header[name] = { dtype, shape, data_offsets: [offset, offset + width * data.length] };
    offset += width * data.length;
  }
  // Padded with spaces, so that the data starts at a multiple of 8 bytes.
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(file, (write) => {
    write(length);
    write(padded);
    for (const { data } of tensors) {
      const numbers = dtype === 'BF16' ? toBfloat16(data) : data;
      write(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    }
  });
}
