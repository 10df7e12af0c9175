/** `reason-rft doctor FOLDER`: a sound folder is said to be sound; of a damaged one it says which part, what is wrong and what to do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readSafetensors, writeSafetensors } from '../../../lib/model/safetensors.js';
import { cellFolder } from '../../../lib/study/cells/cell-identity.js';
import { examineFolder } from '../../../lib/study/cells/examine-folder.js';
import { runCell } from '../../../lib/study/cells/run-cell.js';
import { dataFolder } from '../../../lib/study/data/data-folder.js';
import { openStudy, type Study } from '../../../lib/study/workspace.js';
import { TrainingStopped } from '../../../lib/train/loop.js';
import { runHere } from '../../support/command-line.js';
import { writeMicroModel } from '../../support/micro-model.js';
import { trainMicro } from '../../support/micro-run.js';
import { tinySft, writeTinyData } from '../../support/tiny-study.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-examine-'));
const base = path.join(folder, 'base');
const finished = path.join(folder, 'finished');
const stopped = path.join(folder, 'stopped');
let study: Study;
const ended = spawnSync(process.execPath, ['--version']).pid;

before(async () => {
  writeMicroModel(base);
  await trainMicro(finished, base);
  const controller = new AbortController();
  const onStep = (done: number) => (done === 2 ? controller.abort() : undefined);
  await assert.rejects(
    trainMicro(stopped, base, { keepCheckpoints: 2, onStep, signal: controller.signal }),
    TrainingStopped,
  );
  study = { ...openStudy('tiny', path.join(folder, 'study')), base };
  await writeTinyData(study);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes other numbers into the tensors of a file. */
function changeTensors(
  file: string,
  change: (name: string, data: Float32Array, shape: number[]) => number[] | undefined,
) {
  const tensors = [...readSafetensors(file)].flatMap(({ name, shape, data }) => {
    const changed = change(name, data, shape);
    return changed === undefined ? [] : [{ name, shape: changed, data }];
  });
  writeSafetensors(file, tensors);
}
const breakNumber = (file: string) =>
  changeTensors(file, (_, data, shape) => {
    data[0] = Number.NaN;
    return shape;
  });
const replaceIn = (file: string, text: string | RegExp, other: string) =>
  writeFileSync(file, readFileSync(file, 'utf8').replace(text, other));
const holder = { host: os.hostname(), pid: process.ppid, began: null, since: 'noon', job: null };

type Damage = [name: string, damage: (place: string) => void, part: string, message: RegExp];

/** Damages a copy of a folder in each way, and compares what is said; nothing else may be unsound, and nothing may change. */
async function checkDamages(sound: string, damages: readonly Damage[]): Promise<void> {
  for (const [name, damage, part, message] of damages) {
    const copy = path.join(folder, 'copies', path.basename(sound));
    cpSync(sound, copy, { recursive: true });
    damage(copy);
    const before = readdirSync(copy, { recursive: true }).sort();
    const findings = await examineFolder(copy);
    const finding = findings.find((candidate) => candidate.part === part);
    const text = `${finding?.state} ${finding?.text}; ${finding?.remedy}`;
    assert.match(text, message, `${name}: ${JSON.stringify(findings, null, 1)}`);
    const unsound = findings.filter(({ state }) => state === 'unsound').map((candidate) => candidate.part);
    assert.deepEqual(unsound, finding?.state === 'unsound' ? [part] : [], name);
    assert.deepEqual(readdirSync(copy, { recursive: true }).sort(), before, name);
    rmSync(path.join(folder, 'copies'), { recursive: true });
  }
}

test('a finished run, one that was stopped, a cell, data and a checkpoint are sound; the exit code says so', async () => {
  const cell = tinySft(study);
  await runCell(study, cell);
  for (const place of [finished, stopped, cellFolder(study, cell), dataFolder(study, 'counting'), base]) {
    const findings = await examineFolder(place);
    assert.deepEqual(
      findings.filter(({ state }) => state === 'unsound'),
      [],
      place,
    );
    assert.ok(findings.length > 0);
  }
  const parts = (await examineFolder(finished)).map(({ part }) => part);
  assert.deepEqual(parts, [
    ...[
      'identity',
      'log',
      'completions',
      'checkpoint step-000002',
      'best checkpoint',
      'result',
      'final/',
      'best/',
      'run',
    ],
  ]);
  assert.match((await examineFolder(stopped)).at(-1)!.text, /not finished: the same command goes on after step 2 of 3/);
  assert.equal((await runHere(['doctor', stopped, '--json'])).status, 0);
});

test('a damaged run: the part, what is wrong and the remedy', async () => {
  const newest = path.join('checkpoints', 'step-000002');
  const inNewest = (place: string, name: string) => path.join(place, newest, name);
  const part = 'checkpoint step-000002';
  await checkDamages(stopped, [
    [
      'no identity',
      (dir) => rmSync(path.join(dir, 'run.json')),
      'identity',
      /unsound .*holds no run: it has no run\.json.*; put the file back/,
    ],
    ['torn identity', (dir) => truncateSync(path.join(dir, 'run.json'), 9), 'identity', /run\.json is not JSON/],
    ['torn code', (dir) => truncateSync(path.join(dir, 'code.json'), 9), 'identity', /unsound .*JSON/],
    [
      'empty log',
      (dir) => writeFileSync(path.join(dir, 'metrics.jsonl'), ''),
      'log',
      /ends at step 0, and there is a checkpoint of step 2/,
    ],
    [
      'line gone',
      (dir) => replaceIn(path.join(dir, 'metrics.jsonl'), /^.*\n/, ''),
      'log',
      /line 1 is not that of step 1/,
    ],
    [
      'line broken',
      (dir) => replaceIn(path.join(dir, 'metrics.jsonl'), /^.*\n/, 'null\n'),
      'log',
      /line 1 is not JSON of a step/,
    ],
    [
      'no times',
      (dir) => replaceIn(path.join(dir, 'timing.jsonl'), /^.*\n/, ''),
      'log',
      /timing\.jsonl lacks the times of step 1/,
    ],
    [
      'torn line',
      (dir) => appendFileSync(path.join(dir, 'metrics.jsonl'), '{"st'),
      'metrics.jsonl',
      /note .*cut off.*the next start removes/,
    ],
    [
      'no completions',
      (dir) => rmSync(path.join(dir, 'completions', 'completions_00001.parquet')),
      'completions',
      /00001\.parquet is missing/,
    ],
    [
      'torn completions',
      (dir) => truncateSync(path.join(dir, 'completions', 'completions_00002.parquet'), 50),
      'completions',
      /00002\.parquet cannot be read/,
    ],
    [
      'weights torn',
      (dir) => truncateSync(inNewest(dir, 'trainable.safetensors'), 3000),
      part,
      /trainable\.safetensors.*; run the same again: it is set aside/,
    ],
    [
      'moments gone',
      (dir) => rmSync(inNewest(dir, 'optimizer.safetensors')),
      part,
      /optimizer\.safetensors is missing/,
    ],
    [
      'step torn',
      (dir) => writeFileSync(inNewest(dir, 'step.json'), '{'),
      part,
      /step\.json is not the description of step 2/,
    ],
    [
      'not finite',
      (dir) => breakNumber(inNewest(dir, 'trainable.safetensors')),
      part,
      /holds NaN \(number 1 of the tensor\)/,
    ],
    [
      'a moment of another shape',
      (dir) =>
        changeTensors(inNewest(dir, 'optimizer.safetensors'), (name, _, shape) =>
          name === 'updates' ? shape : [...shape, 1],
        ),
      part,
      /optimizer\.safetensors: '.*' is \[.*,1\], and the weight is/,
    ],
    [
      'a moment gone',
      (dir) =>
        changeTensors(inNewest(dir, 'optimizer.safetensors'), (name, _, shape) =>
          name.startsWith('first') ? undefined : shape,
        ),
      part,
      /holds \d+ moments of \d+ weights/,
    ],
    [
      'best torn',
      (dir) => writeFileSync(path.join(dir, 'checkpoints', 'best.json'), '{}'),
      'best checkpoint',
      /names no step and score/,
    ],
    [
      'at work',
      (dir) => writeFileSync(path.join(dir, '.lock'), JSON.stringify(holder)),
      'lock',
      /note process \d+ on .* is at work here; wait/,
    ],
    [
      'gone',
      (dir) => writeFileSync(path.join(dir, '.lock'), JSON.stringify({ ...holder, pid: ended })),
      'lock',
      /note .* is gone; the next start takes/,
    ],
    [
      'elsewhere',
      (dir) => writeFileSync(path.join(dir, '.lock'), JSON.stringify({ ...holder, host: 'n7' })),
      'lock',
      /note .*nobody can tell from here.*remove .*\.lock/,
    ],
    ['lock torn', (dir) => writeFileSync(path.join(dir, '.lock'), '{'), 'lock', /note nobody can read it/],
    ['partial', (dir) => mkdirSync(path.join(dir, 'final.x.partial')), 'final.x.partial', /note was left half-written/],
    [
      'aside',
      (dir) =>
        renameSync(path.join(dir, 'checkpoints', 'step-000001'), path.join(dir, 'checkpoints', 'step-000001.unsound')),
      path.join('checkpoints', 'step-000001.unsound'),
      /note a damaged checkpoint that a start has set aside/,
    ],
  ]);
  const last = path.join(folder, 'no sound one');
  cpSync(stopped, last, { recursive: true });
  for (const step of ['step-000001', 'step-000002']) rmSync(path.join(last, 'checkpoints', step, 'step.json'));
  assert.equal((await runHere(['doctor', last])).status, 1);
  const findings = await examineFolder(last);
  assert.match(
    findings.find((finding) => finding.part === part)!.remedy!,
    /put a sound copy in its place, or remove .*checkpoints/,
  );
  assert.match(findings.at(-1)!.text, /the same command begins at the first step/);
});

test('a damaged finished run: its result, its models, and a checkpoint that it needs no more', async () => {
  await checkDamages(finished, [
    [
      'no result',
      (dir) => writeFileSync(path.join(dir, 'result.json'), '{}'),
      'result',
      /result\.json is not the result of a run; put it back/,
    ],
    [
      'other steps',
      (dir) => replaceIn(path.join(dir, 'result.json'), '"steps": 3', '"steps": 4'),
      'result',
      /speaks of 4 steps, and the log has 3/,
    ],
    ['model gone', (dir) => rmSync(path.join(dir, 'final'), { recursive: true }), 'result', /final is gone/],
    ['best gone', (dir) => rmSync(path.join(dir, 'best'), { recursive: true }), 'result', /best is gone/],
    [
      'model torn',
      (dir) => truncateSync(path.join(dir, 'final', 'model.safetensors'), 3000),
      'final/',
      /unsound .*model\.safetensors/,
    ],
    ['not finite', (dir) => breakNumber(path.join(dir, 'best', 'model.safetensors')), 'best/', /holds NaN/],
    ['no configuration', (dir) => rmSync(path.join(dir, 'final', 'config.json')), 'final/', /config\.json/],
    [
      'checkpoint torn',
      (dir) => rmSync(path.join(dir, 'checkpoints', 'step-000002', 'step.json')),
      'checkpoint step-000002',
      /is finished and needs it no more/,
    ],
  ]);
});

test('damaged data: the set with its row, or that the rows are others', async () => {
  const rows = 'train.jsonl';
  const torn = path.join(folder, 'torn data');
  cpSync(dataFolder(study, 'counting'), torn, { recursive: true });
  truncateSync(path.join(torn, rows), 700);
  const unsound = (await examineFolder(torn)).filter(({ state }) => state === 'unsound');
  assert.deepEqual(
    unsound.map(({ part }) => part),
    [rows, 'source.json'],
  );
  assert.match(
    `${unsound[0]!.text}; ${unsound[0]!.remedy}`,
    /train\.jsonl.*row \d.*curate' again, or put the files back/s,
  );
  await checkDamages(dataFolder(study, 'counting'), [
    [
      'a row gone',
      (dir) => replaceIn(path.join(dir, rows), /^.*\n/, ''),
      'source.json',
      /unsound the rows are not those that/,
    ],
    [
      'a set gone',
      (dir) => rmSync(path.join(dir, 'test-ood.jsonl')),
      'source.json',
      /a set was changed, added or lost/,
    ],
    [
      'a picture gone',
      (dir) => rmSync(path.join(dir, 'images', 'counting-train-000000.png'), { force: true }),
      rows,
      /there is no file .*000000\.png/,
    ],
    [
      'a picture torn',
      (dir) => truncateSync(path.join(dir, 'images', readdirSync(path.join(dir, 'images'))[0]!), 40),
      'test-id.jsonl',
      /not an image that can be read/,
    ],
  ]);
  const data = dataFolder(study, 'counting');
  const partial = `${data}.${os.hostname()}-${ended}-1.0.partial`;
  mkdirSync(partial);
  const left = (await examineFolder(data)).at(-1)!;
  rmSync(partial, { recursive: true });
  assert.deepEqual(left, {
    part: path.basename(partial),
    state: 'note',
    text: 'was left half-written by a process that is gone',
    remedy: 'remove it',
  });
});

test('what is no folder of the kit is refused with words', async () => {
  await assert.rejects(examineFolder(path.join(folder, 'nowhere')), /there is no folder .*nowhere/);
  await assert.rejects(
    examineFolder(folder),
    /is neither a run \(run\.json\) nor data \(train\.jsonl\) nor a checkpoint/,
  );
});
