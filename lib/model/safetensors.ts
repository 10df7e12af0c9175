/** Safetensors files: a JSON header and raw little-endian tensors, read one by one and written atomically. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
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
    const bytes = BYTES[dtype ?? ''];
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
  if (dtype === 'BF16') {
    const words = Uint32Array.from(halves, (half) => half << 16);
    return new Float32Array(words.buffer);
  }
  return Float32Array.from(halves, halfToFloat);
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

/** Writes tensors as float32 under the names and shapes given, whole or not at all. */
export function writeSafetensors(file: string, tensors: readonly HostTensor[]): void {
  const header: { [name: string]: unknown } = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    if (data.length !== shape.reduce((a, b) => a * b, 1)) {
      throw new Error(`tensor '${name}' of shape [${shape}] cannot hold ${data.length} numbers`);
    }
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + 4 * data.length] };
    offset += 4 * data.length;
  }
  // Padded with spaces, so that the data starts at a multiple of 8 bytes.
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(file, (write) => {
    write(length);
    write(padded);
    for (const { data } of tensors) write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}
