/** Reads TensorBoard's event files, of whichever program wrote them: scalars and texts, with their steps and times. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { crc32c } from '../train/event-file.js';

/** A number of an event file. */
export interface TaggedScalar {
  tag: string;
  step: number;
  /** Unix time, seconds. */
  time: number;
  value: number;
}

/** What an event file holds, as far as a run directory can hold it. */
export interface EventContent {
  scalars: TaggedScalar[];
  /** Texts by their tags; of one tag the last. */
  texts: { [tag: string]: string };
}

// Field numbers from event.proto, summary.proto and tensor.proto of tensorflow/core. torch writes `simple_value`, TensorFlow 2 a tensor.
const Event = protobuf
  .parse(
    `syntax = "proto3";
    message Tensor { int32 dtype = 1; bytes tensor_content = 4; repeated float float_val = 5 [packed = true]; repeated double double_val = 6 [packed = true]; repeated bytes string_val = 8; }
    message Value { string tag = 1; oneof what { float simple_value = 2; Tensor tensor = 8; } }
    message Summary { repeated Value value = 1; }
    message Event { double wall_time = 1; int64 step = 2; oneof what { string file_version = 3; Summary summary = 5; } }`,
    { keepCase: true },
  )
  .root.lookupType('Event');

interface EventMessage {
  wall_time: number;
  step: number | { toNumber(): number };
  summary?: {
    value: { tag: string; what?: 'simple_value' | 'tensor'; simple_value: number; tensor?: TensorMessage }[];
  };
}

interface TensorMessage {
  dtype: number;
  tensor_content: Uint8Array;
  float_val: number[];
  double_val: number[];
  string_val: Uint8Array[];
}

/** Types of tensorflow/core/framework/types.proto. */
const [FLOAT, DOUBLE] = [1, 2];

/**
 * Reads an event file. A record that is cut off at the end is left out, as TensorBoard does: the writer may still be at it.
 *
 * @throws Error naming the file and the place of a record whose checksum is wrong
 */
export function readEventFile(file: string): EventContent {
  const bytes = readFileSync(file);
  const content: EventContent = { scalars: [], texts: {} };
  for (let at = 0; at + 12 <= bytes.length; ) {
    checkSum(file, at, bytes.subarray(at, at + 8), bytes.readUInt32LE(at + 8));
    const end = at + 12 + Number(bytes.readBigUInt64LE(at));
    if (end + 4 > bytes.length) break;
    const data = bytes.subarray(at + 12, end);
    checkSum(file, at, data, bytes.readUInt32LE(end));
    addEvent(content, Event.toObject(Event.decode(data), { oneofs: true, defaults: true }) as EventMessage);
    at = end + 4;
  }
  return content;
}

/** @throws Error when the masked checksum that is stored is not that of the bytes */
function checkSum(file: string, at: number, data: Uint8Array, stored: number): void {
  // The inverse of TFRecord's mask: less the constant, rotated left by 15 bits.
  const rotated = (stored - 0xa282ead8) >>> 0;
  if (((rotated << 15) | (rotated >>> 17)) >>> 0 === crc32c(data)) return;
  throw new Error(
    `${file} is damaged at byte ${at}, or is no event file of TensorBoard; copy it anew from where it was written, or move it away to take the run back without it`,
  );
}

function addEvent(content: EventContent, { wall_time: time, step: stored, summary }: EventMessage): void {
  const step = typeof stored === 'number' ? stored : stored.toNumber();
  for (const { tag, what, simple_value, tensor } of summary?.value ?? []) {
    if (what === 'simple_value') content.scalars.push({ tag, step, time, value: simple_value });
    if (what !== 'tensor' || !tensor) continue;
    const [text] = tensor.string_val;
    const value = numberOf(tensor);
    if (text) content.texts[tag] = Buffer.from(text).toString('utf8');
    else if (value !== undefined) content.scalars.push({ tag, step, time, value });
  }
}

/** The number of a tensor that holds just one. */
function numberOf({ dtype, tensor_content: packed, float_val, double_val }: TensorMessage): number | undefined {
  const bytes = Buffer.from(packed);
  if (dtype === FLOAT)
    return float_val.length === 1 ? float_val[0] : bytes.length === 4 ? bytes.readFloatLE() : undefined;
  if (dtype === DOUBLE)
    return double_val.length === 1 ? double_val[0] : bytes.length === 8 ? bytes.readDoubleLE() : undefined;
  return undefined;
}
