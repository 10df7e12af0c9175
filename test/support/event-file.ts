/** A reader of TensorBoard's event files that shares nothing with the writer but the checksum. */
import { readFileSync } from 'node:fs';
import { crc32c } from '../../lib/train/event-file.js';

export interface ReadEvent {
  step: number;
  time: number;
  fileVersion?: string;
  sessionStart?: boolean;
  scalars?: { [tag: string]: number };
}

/**
 * The events of a file. A torn last record is left out, as TensorBoard does.
 *
 * @throws Error when a checksum is wrong
 */
export function readEvents(file: string): ReadEvent[] {
  const bytes = readFileSync(file);
  const events: ReadEvent[] = [];
  for (let at = 0; at + 12 <= bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    check(bytes.subarray(at, at + 8), bytes.readUInt32LE(at + 8));
    const end = at + 12 + length;
    if (end + 4 > bytes.length) break;
    const data = bytes.subarray(at + 12, end);
    check(data, bytes.readUInt32LE(end));
    events.push(readEvent(data));
    at = end + 4;
  }
  return events;
}

function check(data: Buffer, stored: number): void {
  // The inverse of TFRecord's mask: less the constant, rotated left by 15 bits.
  const rotated = (stored - 0xa282ead8) >>> 0;
  if (((rotated << 15) | (rotated >>> 17)) >>> 0 !== crc32c(data))
    throw new Error('a checksum of an event file is wrong');
}

function readEvent(data: Buffer): ReadEvent {
  const event: ReadEvent = { step: 0, time: 0 };
  for (const { field, value } of fields(data)) {
    if (field === 1) event.time = (value as Buffer).readDoubleLE();
    if (field === 2) event.step = value as number;
    if (field === 3) event.fileVersion = (value as Buffer).toString();
    if (field === 5) event.scalars = readSummary(value as Buffer);
    if (field === 7) event.sessionStart = fields(value as Buffer).some((each) => each.field === 1 && each.value === 1);
  }
  return event;
}

function readSummary(data: Buffer): { [tag: string]: number } {
  return Object.fromEntries(
    fields(data).map(({ value }) => {
      const [tag, number] = [1, 2].map((field) => fields(value as Buffer).find((each) => each.field === field)?.value);
      return [String(tag), (number as Buffer).readFloatLE()];
    }),
  );
}

/** The fields of a protocol buffer message: varints as numbers, all else as bytes. */
function fields(data: Buffer): { field: number; value: number | Buffer }[] {
  const read: { field: number; value: number | Buffer }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = data[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const kind = key & 7;
    if (kind === 0) {
      read.push({ field: key >>> 3, value: varint() });
      continue;
    }
    const length = kind === 1 ? 8 : kind === 5 ? 4 : varint();
    read.push({ field: key >>> 3, value: data.subarray(at, at + length) });
    at += length;
  }
  return read;
}
