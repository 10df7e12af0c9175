/** Safetensors files: a JSON header and raw little-endian tensors. They are read piece by piece and written atomically. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { rowLength, rowsPerPiece } from '../engine/transfer.js';
import { roundToBfloat16, widenBfloat16, widenFloat16 } from './float16.js';

/** A tensor on the host. */
export interface HostTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/** A tensor in a file. Its numbers are read when they are asked for. */
export interface StoredTensor {
  name: string;
  shape: number[];
  /** The type of its numbers in the file. */
  dtype: ReadableType;
  /**
   * Reads its numbers in order as float32, in pieces of about 1 MB that are whole rows along the first axis. The next piece
   * overwrites the one before, and all must be read before the next tensor is asked for.
   */
  pieces(): Generator<Float32Array>;
  /** Reads the numbers of a tensor of 16 bits as they lie in the file, in pieces as `pieces` does. @throws Error for one of 32 bits */
  halves(): Generator<Uint16Array>;
}

/** A tensor to be written: its numbers, or a function that gives them piece by piece. */
export interface TensorSource {
  name: string;
  shape: number[];
  data: Float32Array | (() => Iterable<Float32Array>);
}

/** The type of the numbers in a written file. `BF16` halves the file, and rounds each number to 8 significant bits. */
export type WrittenType = 'F32' | 'BF16';

/** The bytes of a number of each type that the format has. */
const BYTES: { readonly [dtype: string]: number } = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, C64: 8 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 },
  ...{ F8_E5M2: 1, F8_E4M3: 1, F8_E8M0: 1, F8_E4M3FNUZ: 1, F8_E5M2FNUZ: 1 },
  // Several of these share a byte.
  ...{ F6_E2M3: 0.75, F6_E3M2: 0.75, F4: 0.5 },
};
/** The types that the model reads. */
export type ReadableType = 'F32' | 'F16' | 'BF16';

/** The format's own limit on the header, in bytes. */
const LARGEST_HEADER = 100_000_000;

interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  from: number;
  to: number;
}

/**
 * Reads the tensors of a file one at a time, each as a whole, converted to float32.
 *
 * @throws Error as `storedTensors`
 */
export function* readSafetensors(file: string): Generator<HostTensor> {
  for (const { name, shape, pieces } of storedTensors(file)) {
    const data = new Float32Array(countOf(shape));
    let filled = 0;
    for (const piece of pieces()) {
      data.set(piece, filled);
      filled += piece.length;
    }
    yield { name, shape, data };
  }
}

/**
 * Opens the tensors of a file, to be read in pieces and converted to float32, so that little more than a piece lies on the host.
 *
 * @param isWanted says of a name whether its tensor is opened; default: all are
 * @throws Error naming the file, the tensor and what is wrong. A truncated or hostile header is refused before any memory is
 *   allocated for it
 */
export function* storedTensors(
  file: string,
  isWanted: (name: string) => boolean = () => true,
): Generator<StoredTensor> {
  const descriptor = openSync(file, 'r');
  try {
    const { entries, start } = readHeader(descriptor, file);
    const staging: Staging = { floats: new Float32Array(0), halves: new Uint16Array(0) };
    for (const entry of entries) {
      const { name, shape, dtype } = entry;
      if (!isWanted(name)) continue;
      if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
        throw new Error(`${file}: ${unreadableType(name, dtype)}`);
      const readable: ReadableEntry = { ...entry, dtype };
      const pieces = () => readPieces(descriptor, start, readable, staging);
      yield { name, shape, dtype, pieces, halves: () => readHalves(descriptor, start, readable, staging) };
    }
  } finally {
    closeSync(descriptor);
  }
}

/** What to say of a tensor of a type that the model does not read. */
function unreadableType(name: string, dtype: string): string {
  const remedy = /^(F8|F6|F4|I8|U8|I32|U32|U16|I16)/.test(dtype)
    ? 'the checkpoint is quantized: take the one that it was made from, or widen it with transformers'
    : 'convert it with transformers';
  return `tensor '${name}' is ${dtype}; the model reads F32, F16 and BF16; ${remedy}`;
}

/** Reads and checks the header: the tensors must fill the file without gap or overlap. */
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
  const isCount = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = (value ?? {}) as { dtype?: string; shape?: unknown; data_offsets?: unknown };
    const bytes = typeof dtype === 'string' && Object.hasOwn(BYTES, dtype) ? BYTES[dtype] : undefined;
    if (bytes === undefined) {
      const known = Object.keys(BYTES).join(', ');
      fail(`tensor '${name}' has the unknown type ${JSON.stringify(dtype)}; the format has ${known}`);
    }
    if (!Array.isArray(shape) || !shape.every(isCount)) fail(`tensor '${name}' has no valid shape`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
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
  for (let filled = 0; filled < buffer.length; ) {
    const remaining = Math.min(buffer.length - filled, 1 << 30);
    const count = readSync(descriptor, buffer, filled, remaining, position + filled);
    if (count === 0) throw new Error(`the file ended while it was read, at byte ${position + filled}`);
    filled += count;
  }
}

/** Room for a piece as it is in the file and as float32. Every piece uses it again. */
interface Staging {
  floats: Float32Array;
  halves: Uint16Array;
}

type ReadableEntry = Entry & { dtype: ReadableType };

function* readPieces(
  descriptor: number,
  start: number,
  entry: ReadableEntry,
  staging: Staging,
): Generator<Float32Array> {
  const most = pieceLengths(entry.shape)[0] ?? 0;
  if (staging.floats.length < most) staging.floats = new Float32Array(most);
  if (entry.dtype === 'F32') {
    yield* readInPieces(descriptor, start, entry, staging.floats);
    return;
  }
  const widen = entry.dtype === 'BF16' ? widenBfloat16 : widenFloat16;
  for (const halves of readHalves(descriptor, start, entry, staging)) {
    const piece = staging.floats.subarray(0, halves.length);
    widen(halves, piece);
    yield piece;
  }
}

function* readHalves(
  descriptor: number,
  start: number,
  entry: ReadableEntry,
  staging: Staging,
): Generator<Uint16Array> {
  if (entry.dtype === 'F32') throw new Error(`tensor '${entry.name}' is F32 and has no numbers of 16 bits`);
  const most = pieceLengths(entry.shape)[0] ?? 0;
  if (staging.halves.length < most) staging.halves = new Uint16Array(most);
  yield* readInPieces(descriptor, start, entry, staging.halves);
}

/** Numbers in each piece of a tensor of this shape; no piece has more than the first. */
function pieceLengths(shape: readonly number[]): number[] {
  const [rows, width] = [shape[0] ?? 1, rowLength(shape)];
  if (rows * width === 0) return [];
  const step = rowsPerPiece(shape);
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => Math.min(step, rows - i * step) * width);
}

/** Reads a tensor's numbers as they lie in the file, each piece into the same memory, which has the numbers' type. */
function* readInPieces<T extends Float32Array | Uint16Array>(
  descriptor: number,
  start: number,
  { shape, from }: Entry,
  room: T,
): Generator<T> {
  let position = start + from;
  for (const length of pieceLengths(shape)) {
    const piece = room.subarray(0, length) as T;
    readInto(descriptor, position, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
    position += piece.byteLength;
    yield piece;
  }
}

/**
 * Writes tensors to a file, whole or not at all.
 *
 * @throws Error naming the file, and the tensor whose numbers do not fill its shape
 */
export function writeSafetensors(file: string, tensors: readonly TensorSource[], dtype: WrittenType = 'F32'): void {
  const header: { [name: string]: unknown } = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    const count = countOf(shape);
    if (typeof data !== 'function' && data.length !== count)
      throw new Error(`tensor '${name}' of shape [${shape}] cannot hold ${data.length} numbers`);
    if (Object.hasOwn(header, name)) throw new Error(`two tensors are named '${name}'`);
    const end = offset + storedBytes(shape, dtype);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  // Spaces behind the header let the data start at a multiple of 8 bytes.
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
        const numbers = dtype === 'BF16' ? roundToBfloat16(piece) : piece;
        write(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
        written += piece.length;
      }
      if (written !== countOf(shape))
        throw new Error(`tensor '${name}' of shape [${shape}] cannot hold ${written} numbers`);
    }
  });
}

/** Bytes of a tensor's numbers in a file. */
export function storedBytes(shape: readonly number[], dtype: WrittenType): number {
  return BYTES[dtype]! * countOf(shape);
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
