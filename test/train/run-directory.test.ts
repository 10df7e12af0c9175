import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { canonicalJson, changesText, configurationHash } from '../../lib/train/run-configuration.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, type SftSettings } from '../../lib/train/sft.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-run-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a run is known by plain values: what JSON would lose is refused by name, with the remedy', () => {
  const place = (name: string) => path.join(folder, `plain-${name}`);
  const near = () => 1;
  assert.throws(
    () => RunDirectory.open(place('function'), { rewards: [{ near }] }),
    /but configuration\.rewards\[0\]\.near is a function; String\(near\) is its source/,
  );
  assert.throws(() => RunDirectory.open(place('map'), { rows: new Map() }), /configuration\.rows is a Map/);
  assert.throws(() => RunDirectory.open(place('nan'), { beta: Number.NaN }), /configuration\.beta is NaN/);
  RunDirectory.open(place('undefined'), { beta: 0, lora: undefined });
  RunDirectory.open(place('undefined'), { beta: 0 });
});

test('the hash of a configuration does not depend on the order of its keys', () => {
  assert.equal(canonicalJson({ b: [1, { d: 2, c: 3 }], a: null }), '{"a":null,"b":[1,{"c":3,"d":2}]}');
  assert.equal(configurationHash({ a: 1, b: 2 }), configurationHash({ b: 2, a: 1 }));
  assert.notEqual(configurationHash({ a: 1 }), configurationHash({ a: 2 }));
});

test('two configurations are told apart by their fields; of digests the field is enough', () => {
  const before = { data: 'a'.repeat(16), settings: { beta: 0.04, steps: 3 }, rewards: [['x', 1]] };
  const now = { data: 'b'.repeat(16), settings: { beta: 0, steps: 3 }, rewards: [['x', 2]], lora: { rank: 2 } };
  assert.equal(
    changesText(before, now),
    'other data; settings.beta was 0.04, now 0; rewards was [["x",1]], now [["x",2]]; lora was not set, now {"rank":2}',
  );
  const many = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`field${i}`, i]));
  assert.match(changesText({}, many), /^field0 was not set, now 0; .*field4 was not set, now 4; and 3 more$/);
});

test('the newest complete checkpoint counts; older ones go, half-written ones are swept away', () => {
  const run = RunDirectory.open(path.join(folder, 'checkpoints'), {});
  const write = (place: string) => writeFileSync(path.join(place, 'x'), '1');
  for (const step of [5, 10, 15]) run.saveCheckpoint(step, write);
  assert.deepEqual(run.latestCheckpoint()?.step, 15);
  assert.deepEqual(readdirSync(path.join(run.folder, 'checkpoints')), ['step-000010', 'step-000015']);
  mkdirSync(path.join(run.folder, 'checkpoints', 'step-000020.partial'));
  writeFileSync(path.join(run.folder, '.run.json.7.partial'), '{');
  const again = RunDirectory.open(run.folder, {});
  assert.equal(again.latestCheckpoint()?.step, 15);
  again.rewind(15);
  assert.deepEqual(readdirSync(run.folder).sort(), ['checkpoints', 'run.json']);
  assert.deepEqual(readdirSync(path.join(run.folder, 'checkpoints')), ['step-000010', 'step-000015']);
  run.saveCheckpoint(20, write, { keep: 1 });
  assert.deepEqual(readdirSync(path.join(run.folder, 'checkpoints')), ['step-000020']);
});

test('the best checkpoint stays whatever its age; what a kill left undone after a checkpoint is made up for', () => {
  const run = RunDirectory.open(path.join(folder, 'best'), {});
  const folders = () => readdirSync(path.join(run.folder, 'checkpoints')).sort();
  const best = { step: 5, score: 0.5 };
  for (const step of [5, 10, 15]) run.saveCheckpoint(step, () => {}, { keep: 1, best });
  assert.deepEqual(folders(), ['best.json', 'step-000005', 'step-000015']);
  const bestFile = path.join(run.folder, 'checkpoints', 'best.json');
  assert.deepEqual(JSON.parse(readFileSync(bestFile, 'utf8')), { ...best, checkpoint: 'step-000005' });
  assert.deepEqual(run.latestCheckpoint()?.best, best);

  const stale = readFileSync(bestFile);
  run.saveCheckpoint(20, () => {}, { keep: 1, best: { step: 20, score: 0.75 } });
  assert.deepEqual(folders(), ['best.json', 'step-000020']);
  // As if killed between the checkpoint and what follows it.
  writeFileSync(bestFile, stale);
  mkdirSync(path.join(run.folder, 'checkpoints', 'step-000005'));
  run.settleCheckpoints(1);
  assert.deepEqual(folders(), ['best.json', 'step-000020']);
  const { step, score, folder: place } = run.bestCheckpoint()!;
  assert.deepEqual([step, score, path.basename(place)], [20, 0.75, 'step-000020']);
});

test('run.json holds the configuration, which alone is the run, and each start with its environment', () => {
  const run = RunDirectory.open(path.join(folder, 'starts'), { seed: 3 });
  run.recordStart(1, 20, { node: '20' });
  RunDirectory.open(run.folder, { seed: 3 }).recordStart(13, 20, { node: '22' });
  const held = JSON.parse(readFileSync(path.join(run.folder, 'run.json'), 'utf8'));
  assert.deepEqual(held.configuration, { seed: 3 });
  assert.deepEqual(
    held.starts.map((start: { step: number; environment: object }) => [start.step, start.environment]),
    [
      [1, { node: '20' }],
      [13, { node: '22' }],
    ],
  );
  assert.ok(Math.abs(Date.parse(held.starts[1].time) - Date.now()) < 60_000);
  assert.throws(
    () => RunDirectory.open(run.folder, { seed: 4 }),
    /another configuration \(seed was 3, now 4\); choose/,
  );
});

test('settings may stand in a configuration as they are; a function may not, but its text tells a changed one', () => {
  const place = path.join(folder, 'plain');
  const settings: SftSettings = REASON_RFT_SFT;
  RunDirectory.open(place, { settings, without: undefined, reward: String(() => 1) });
  // The file leaves out what is undefined, and the run is the same when it is opened again.
  RunDirectory.open(place, { settings, without: undefined, reward: String(() => 1) });
  assert.throws(() => RunDirectory.open(place, { settings, reward: String(() => 2) }), /reward was "\(\) ?=> ?1", now/);
  const withFunction = path.join(folder, 'function');
  assert.throws(
    () => RunDirectory.open(withFunction, { reward: () => 1 }),
    /configuration\.reward is a function; String\(reward\)/,
  );
  assert.ok(!existsSync(withFunction));
});

test('a folder that is not a run is refused, and nothing in it is touched', () => {
  const place = path.join(folder, 'holiday');
  mkdirSync(place);
  writeFileSync(path.join(place, 'photo.png'), '');
  assert.throws(() => RunDirectory.open(place, {}), /holiday is not empty \(it holds photo\.png\) and not a run/);
  assert.deepEqual(readdirSync(place), ['photo.png']);
  assert.throws(() => RunDirectory.open(path.join(place, 'photo.png'), {}), /photo\.png is a file/);

  const empty = path.join(folder, 'empty');
  mkdirSync(empty);
  writeFileSync(path.join(empty, '.run.json.99.partial'), '{"conf');
  RunDirectory.open(empty, {});
});

test('a run.json that is not JSON, or not a run’s, is named', () => {
  for (const [text, message] of [
    ['{"configuration": {"see', /run\.json is not JSON .*mend it, or choose another folder/],
    ['[1]', /run\.json has no 'configuration'/],
  ] as const) {
    const place = mkdtempSync(path.join(folder, 'spoiled-'));
    writeFileSync(path.join(place, 'run.json'), text);
    assert.throws(() => RunDirectory.open(place, {}), message);
    assert.equal(readFileSync(path.join(place, 'run.json'), 'utf8'), text);
  }
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

test('a log that the disk takes no more of is named, with the remedy', { skip: !existsSync('/dev/full') }, () => {
  const run = RunDirectory.open(path.join(folder, 'full'), {});
  symlinkSync('/dev/full', path.join(run.folder, 'metrics.jsonl'));
  assert.throws(
    () => run.append('metrics.jsonl', [{ step: 0 }]),
    /cannot add to .*full.metrics\.jsonl: the disk is full; free some space and run the same again/,
  );
});

test('rewinding drops rows after a step, and a line that a crash cut off is not read', () => {
  const run = RunDirectory.open(path.join(folder, 'rewind'), {});
  for (const step of [1, 2, 3]) run.append('metrics.jsonl', [{ step, loss: step }]);
  appendFileSync(path.join(run.folder, 'metrics.jsonl'), '{"step":4,"lo');
  assert.deepEqual(
    run.metrics().map((row) => row.step),
    [1, 2, 3],
  );
  run.rewind(2);
  assert.deepEqual(run.metrics(), [
    { step: 1, loss: 1 },
    { step: 2, loss: 2 },
  ]);
  appendFileSync(path.join(run.folder, 'metrics.jsonl'), 'spilt coffee\n');
  assert.throws(() => run.metrics(), /metrics\.jsonl, line 3 is not JSON of a step: spilt coffee; put the file back/);
});

test('a run that was killed keeps the metrics of the steps that have a checkpoint, a finished one all', () => {
  const run = RunDirectory.open(path.join(folder, 'kept'), {});
  for (let step = 1; step <= 15; step++) run.append('metrics.jsonl', [{ step, reward: step }]);
  const kept = () => run.keptMetrics().map(({ step }) => step);
  assert.deepEqual(kept(), [], 'without a checkpoint all steps are done again');
  run.saveCheckpoint(10, () => {});
  assert.deepEqual(
    kept(),
    Array.from({ length: 10 }, (_, i) => i + 1),
  );
  run.finish({});
  assert.equal(kept().length, 15);
});

test('a run is read whatever its configuration; its log knows the steps of the whole run and the times of each', () => {
  const run = RunDirectory.open(path.join(folder, 'read'), { seed: 3 });
  run.recordStart(1, 60, {});
  run.append('metrics.jsonl', [{ step: 1, loss: 2 }]);
  run.append('timing.jsonl', [{ step: 1, step_time: 0.5 }]);
  const read = RunDirectory.read(run.folder);
  assert.deepEqual([read.configuration, read.steps, read.isFinished], [{ seed: 3 }, 60, false]);
  assert.deepEqual(read.timedMetrics(), [{ step: 1, loss: 2, step_time: 0.5 }]);
  assert.throws(() => RunDirectory.read(folder), /holds no run: it has no run\.json/);
});
