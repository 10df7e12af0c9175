/** Event files, read back with a reader of their own: framing, checksums, messages, one event a step. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { crc32c, startEventFile } from '../../lib/train/event-file.js';
import { readEvents } from '../support/event-file.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-events-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function eventsIn(place: string) {
  const names = readdirSync(place);
  assert.equal(names.length, 1);
  assert.match(names[0]!, /^events\.out\.tfevents\.\d{10}\./);
  return readEvents(path.join(place, names[0]!));
}

test('CRC-32C of the check string, and of 32 zeros (RFC 3720, B.4)', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

test('a file opens with its version and a session’s start, then an event a step under the field’s tags', () => {
  const place = path.join(folder, 'fresh');
  const file = startEventFile(place, []);
  file.add({ step: 1, time: 1700000000.5, metrics: { loss: 0.5, 'rewards/x/mean': 2, kl: 0 } });
  file.add({ step: 2, time: 1700000001, metrics: { loss: 0.25, eval_accuracy: 0.75, 'eval_pass@4': 1 } });
  const [version, start, ...events] = eventsIn(place);
  assert.equal(version?.fileVersion, 'brain.Event:2');
  assert.equal(start?.sessionStart, true);
  assert.deepEqual(events, [
    { step: 1, time: 1700000000.5, scalars: { 'train/loss': 0.5, 'train/rewards/x/mean': 2, 'train/kl': 0 } },
    { step: 2, time: 1700000001, scalars: { 'train/loss': 0.25, 'eval/accuracy': 0.75, 'eval/pass@4': 1 } },
  ]);
});

test('a resume leaves one file in which each step is once, whatever the file before held', () => {
  const place = path.join(folder, 'resumed');
  const event = (step: number, loss: number) => ({ step, time: 1700000000 + step, metrics: { loss } });
  const first = startEventFile(place, []);
  for (const step of [1, 2, 3]) first.add(event(step, 1));
  // A record cut off by a kill.
  const [name] = readdirSync(place);
  const bytes = readFileSync(path.join(place, name!));
  writeFileSync(path.join(place, name!), bytes.subarray(0, bytes.length - 5));
  assert.deepEqual(
    eventsIn(place).flatMap((each) => each.step || []),
    [1, 2],
  );
  // From the checkpoint after step 2 it goes on.
  const second = startEventFile(place, [event(1, 1), event(2, 1)]);
  second.add(event(3, 0.5));
  assert.deepEqual(
    eventsIn(place).flatMap(({ step, scalars }) => (scalars ? [[step, scalars['train/loss']]] : [])),
    [
      [1, 1],
      [2, 1],
      [3, 0.5],
    ],
  );
});
