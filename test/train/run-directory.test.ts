import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { canonicalJson, configurationHash, RunDirectory } from '../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-run-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('the hash of a configuration does not depend on the order of its keys', () => {
  assert.equal(canonicalJson({ b: [1, { d: 2, c: 3 }], a: null }), '{"a":null,"b":[1,{"c":3,"d":2}]}');
  assert.equal(configurationHash({ a: 1, b: 2 }), configurationHash({ b: 2, a: 1 }));
  assert.notEqual(configurationHash({ a: 1 }), configurationHash({ a: 2 }));
});

test('the newest complete checkpoint counts; older ones go, half-written ones are swept away', () => {
  const run = RunDirectory.open(path.join(folder, 'checkpoints'), {});
  const write = (place: string) => writeFileSync(path.join(place, 'x'), '1');
  run.saveCheckpoint(5, write);
  run.saveCheckpoint(10, write);
  assert.deepEqual(run.latestCheckpoint()?.step, 10);
  assert.ok(!existsSync(path.join(run.folder, 'checkpoints', 'step-000005')));
  mkdirSync(path.join(run.folder, 'checkpoints', 'step-000015.partial'));
  assert.equal(RunDirectory.open(run.folder, {}).latestCheckpoint()?.step, 10);
  assert.ok(!existsSync(path.join(run.folder, 'checkpoints', 'step-000015.partial')));
});

test('a checkpoint that fails to be written leaves the one before and nothing else', () => {
  const run = RunDirectory.open(path.join(folder, 'failing'), {});
  run.saveCheckpoint(1, () => {});
  const fail = () => {
    throw new Error('disk full');
  };
  assert.throws(() => run.saveCheckpoint(2, fail), /disk full/);
  assert.equal(run.latestCheckpoint()?.step, 1);
  assert.ok(!existsSync(path.join(run.folder, 'checkpoints', 'step-000002.partial')));
});

test('rewinding drops rows from a step on, and a line that a crash cut off is not read', () => {
  const run = RunDirectory.open(path.join(folder, 'rewind'), {});
  for (const step of [0, 1, 2]) run.log(step, { loss: step });
  appendFileSync(path.join(run.folder, 'metrics.jsonl'), '{"step":3,"lo');
  assert.deepEqual(
    run.metrics().map((row) => row.step),
    [0, 1, 2],
  );
  run.rewind(2);
  assert.deepEqual(run.metrics(), [
    { step: 0, loss: 0 },
    { step: 1, loss: 1 },
  ]);
});

test('a finished run gives its result, an unfinished one none', () => {
  const run = RunDirectory.open(path.join(folder, 'result'), {});
  assert.equal(run.result(), undefined);
  run.finish({ steps: 3 });
  assert.deepEqual(RunDirectory.open(run.folder, {}).result(), { steps: 3 });
});
