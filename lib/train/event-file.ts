/** TensorBoard's event files: the scalars of each step, as TFRecords of `Event` messages. */
import { existsSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import protobuf from 'protobufjs';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { appendToFile, removePath } from '../engine/disk.js';
import type { Metrics } from './metrics.js';

/** The metrics of a step. */
export interface ScalarEvent {
  /** The first is 1. */
  step: number;
  /** Unix time, seconds. */
  time: number;
  metrics: Metrics;
}

// Field numbers from tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
const Event = protobuf
  .parse(
    `syntax = "proto3";
    message Value { string tag = 1; oneof what { float simple_value = 2; } }
    message Summary { repeated Value value = 1; }
    message SessionLog { enum Status { UNSPECIFIED = 0; START = 1; } Status status = 1; }
    message Event {
      double wall_time = 1;
      int64 step = 2;
      oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
    }`,
    { keepCase: true },
  )
  .root.lookupType('Event');

/** An event file that grows. */
export interface EventFile {
  add(event: ScalarEvent): void;
}

/**
 * Starts a new event file in a folder with the events of the steps done so far, then removes the older files. Each step is then
 * there once, also after a kill. The file begins with the start of a session, at which a TensorBoard that is open forgets what it
 * had read.
 */
export function startEventFile(folder: string, history: readonly ScalarEvent[]): EventFile {
  const before = existsSync(folder) ? readdirSync(folder) : [];
  const now = Date.now() / 1000;
  // TensorBoard reads files whose names hold `tfevents`, in the order of their names.
  const name = `events.out.tfevents.${Math.floor(now)}.${os.hostname()}.${process.pid}.0`;
  const opening = [
    { wall_time: now, file_version: 'brain.Event:2' },
    { wall_time: now, step: 0, session_log: { status: 1 } },
  ];
  writeFileAtomic(
    path.join(folder, name),
    Buffer.concat([...opening.map(record), ...history.map((event) => record(scalars(event)))]),
  );
  for (const old of before) if (old !== name) removePath(path.join(folder, old));
  return {
    add(event) {
      // One write a step: a kill leaves the record out, or at worst a torn last one. TensorBoard waits for the rest of that.
      appendToFile(path.join(folder, name), record(scalars(event)));
    },
  };
}

/** Tags as the field's trainers write them: `train/loss`, and `eval/accuracy` for `eval_accuracy`. */
function scalars({ step, time, metrics }: ScalarEvent): object {
  const value = Object.entries(metrics).map(([name, simple_value]) => ({
    tag: name.startsWith('eval_') ? `eval/${name.slice(5)}` : `train/${name}`,
    simple_value,
  }));
  return { wall_time: time, step, summary: { value } };
}

/** A TFRecord: length (uint64), its masked CRC, the message, its masked CRC; all little-endian. */
function record(event: object): Buffer {
  const data = Event.encode(event).finish();
  const framed = Buffer.alloc(16 + data.length);
  framed.writeBigUInt64LE(BigInt(data.length), 0);
  framed.writeUInt32LE(maskedCrc(framed.subarray(0, 8)), 8);
  framed.set(data, 12);
  framed.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return framed;
}

/** CRC-32C (Castagnoli) of the bytes, reflected polynomial 0x82f63b78. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** The CRC rotated right by 15 bits, plus a constant, as TFRecord asks: data that hold a CRC would confuse a plain one. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
