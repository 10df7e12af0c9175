/**
 * A training run in which each operation on files fails once: the process is gone there, a write is torn, the disk is full, or nobody
 * may write. The run says so and what to do, and the same run again ends, byte for byte, as one that nothing happened to.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { RunControl } from '../../../lib/study/cells/train-run.js';
import { TrainingStopped } from '../../../lib/train/loop.js';
import { Crash, type Fault, type Operation, withFaults } from '../../support/file-faults.js';
import { writeMicroModel } from '../../support/micro-model.js';
import { trainMicro } from '../../support/micro-run.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-faults-'));
const base = path.join(folder, 'base');
/** A process that has ended: what a crash leaves is its. */
const ended = spawnSync(process.execPath, ['--version']).pid;
before(() => {
  writeMicroModel(base);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const place = (name: string) => path.join(folder, 'runs', name);

const train = (name: string, control: RunControl = {}) => trainMicro(place(name), base, control);

/** Every file of a run but those that hold times. */
function repeatable(name: string): { [file: string]: string } {
  const files = readdirSync(place(name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(place(name), path.join(entry.parentPath, entry.name)))
    .filter((file) => !/^(run\.json|timing\.jsonl|result\.json|tensorboard.*)$/.test(file));
  return Object.fromEntries(
    files.sort().map((file) => [file, readFileSync(path.join(place(name), file)).toString('base64')]),
  );
}

/** The process that held the lock is gone, as after a real crash. */
function bury(name: string): void {
  const lock = path.join(place(name), '.lock');
  if (!existsSync(lock)) return;
  writeFileSync(lock, JSON.stringify({ ...JSON.parse(readFileSync(lock, 'utf8')), pid: ended }));
}

/** The operations of a run, each kind and place with its first and last time. */
async function watch(name: string): Promise<Map<string, Operation & { first: number; last: number }>> {
  const seen = new Map<string, Operation & { first: number; last: number }>();
  const note = (operation: Operation, index: number) => {
    // `best/` is written as `final/` is.
    const key = `${operation.kind} ${operation.place.replace(/^best\./, 'final.')}`;
    seen.set(key, { first: index, ...seen.get(key), ...operation, last: index });
    return undefined;
  };
  await withFaults(place(name), note, () => train(name));
  return seen;
}

const WRITES = ['writeSync', 'appendFileSync', 'writeFileSync'];
const TAKES_SPACE = [...WRITES, 'openSync', 'mkdirSync', 'copyFileSync', 'fsyncSync'];

/** What may happen to an operation, each at its first or its last time. */
function faultsOf({ kind, first, last }: Operation & { first: number; last: number }): [Fault, number][] {
  const error: [Fault, number] = [TAKES_SPACE.includes(kind) ? 'ENOSPC' : 'EACCES', first];
  // A crash as a file is opened or flushed leaves what one leaves as it is written or renamed.
  if (kind === 'openSync' || kind === 'fsyncSync') return [error];
  if (WRITES.includes(kind)) return [['torn', last], error];
  return [[first % 2 === 0 ? 'crash' : 'crash-after', last], error];
}

/** Runs with one fault, then again without; the outcome must be that of the undisturbed run. */
async function trainWithFault(name: string, fault: Fault, at: number, expected: object): Promise<void> {
  let happened: string | undefined;
  const decide = ({ kind, place: file }: Operation, index: number) => {
    if (index !== at) return undefined;
    happened = `${fault} at ${kind} of ${file}`;
    return fault;
  };
  const failure = await withFaults(place(name), decide, () => train(name)).then(
    () => undefined,
    (error: Error) => error,
  );
  assert.ok(happened !== undefined, `operation ${at} did not come`);
  const isCrash = !['ENOSPC', 'EACCES'].includes(fault);
  if (isCrash) bury(name);
  if (failure && !isCrash && !(failure instanceof Crash)) {
    const remedy =
      fault === 'ENOSPC' ? /the disk is full; free some space/ : /no permission to write there; choose another/;
    assert.ok(failure.message.includes(place(name)), `${happened}: no file is named in: ${failure.message}`);
    assert.match(failure.message, remedy, happened);
  }
  try {
    await train(name);
  } catch (error) {
    throw new Error(`after ${happened}, the run does not go on: ${(error as Error).message}`, { cause: error });
  }
  const found = repeatable(name);
  assert.deepEqual(Object.keys(found), Object.keys(expected), happened);
  assert.deepEqual(found, expected, `${happened}: files differ`);
}

test('each operation of a run fails once: the same run again ends as one that nothing happened to', async () => {
  await train('whole');
  const expected = repeatable('whole');
  const operations = await watch('watched');
  assert.deepEqual(repeatable('watched'), expected);
  const faults = [...operations.values()].flatMap(faultsOf);
  assert.ok(faults.length > 100, `${faults.length} faults`);
  const problems: string[] = [];
  for (const [fault, at] of faults) {
    await trainWithFault('faulty', fault, at, expected).catch((error: Error) =>
      problems.push(error.message.slice(0, 400)),
    );
    rmSync(place('faulty'), { recursive: true, force: true });
  }
  assert.deepEqual(problems, []);
});

test('so does each operation of a run that goes on', async () => {
  const controller = new AbortController();
  const onStep = (done: number) => (done === 2 ? controller.abort() : undefined);
  await assert.rejects(train('stopped', { onStep, signal: controller.signal }), TrainingStopped);
  const restore = (name: string) => {
    rmSync(place(name), { recursive: true, force: true });
    cpSync(place('stopped'), place(name), { recursive: true });
  };
  const fresh = await watch('another');
  restore('resumed');
  const resumed = await watch('resumed');
  const expected = repeatable('whole');
  assert.deepEqual(repeatable('resumed'), expected);
  const faults = [...resumed].filter(([key]) => !fresh.has(key)).flatMap(([, operation]) => faultsOf(operation));
  assert.ok(faults.length > 15, `${faults.length} faults`);
  const problems: string[] = [];
  for (const [fault, at] of faults) {
    restore('faulty');
    await trainWithFault('faulty', fault, at, expected).catch((error: Error) =>
      problems.push(error.message.slice(0, 400)),
    );
  }
  assert.deepEqual(problems, []);
});
