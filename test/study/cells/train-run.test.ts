/** The path that cells and commands train on: who holds the folder, what a run starts from, and what it leaves. */

import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, mock, test } from 'node:test';
import { startEngine } from '../../../lib/engine/backend.js';
import { widen } from '../../../lib/engine/packed.js';
import { LORA_DEFAULTS, mergeAdapters } from '../../../lib/model/lora.js';
import { disposeModel, loadModel } from '../../../lib/model/model.js';
import type { RgbImage } from '../../../lib/records/image.js';
import { kitReward } from '../../../lib/rewards/reward-list.js';
import type { CodeVersion } from '../../../lib/study/cells/code-version.js';
import { planDigests } from '../../../lib/study/cells/plan-digests.js';
import { prepareQuestions, prepareSftRows, type SftRow } from '../../../lib/study/cells/prepared-rows.js';
import { type TrainingPlan, trainRun } from '../../../lib/study/cells/train-run.js';
import { loadRows } from '../../../lib/study/data/load-rows.js';
import type { Study } from '../../../lib/study/workspace.js';
import { changesText } from '../../../lib/train/run-configuration.js';
import { tinyGrpo, tinySft, tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-train-run-'));
before(async () => {
  ({ study, remove } = await tinyStudy('train-run'));
});
after(() => {
  remove();
  rmSync(folder, { recursive: true, force: true });
});

const LORA = { ...LORA_DEFAULTS, rank: 2, alpha: 4 };

async function sftPlan(start: TrainingPlan['start']): Promise<TrainingPlan> {
  const { records, images } = await loadRows(study, 'train', 'counting');
  const rows = prepareSftRows({ records: records.slice(0, 8), images: images.slice(0, 8) }, 'cot');
  return { kind: 'sft', start, rows, settings: tinySft(study).settings };
}

async function grpoPlan(start: TrainingPlan['start']): Promise<TrainingPlan> {
  const { records, images } = await loadRows(study, 'train', 'counting');
  const rows = prepareQuestions({ records: records.slice(8, 16), images: images.slice(8, 16) }, 'think');
  const { settings } = tinyGrpo(study, 'base');
  return { kind: 'grpo', start, rows, rewards: [kitReward('format_reward')], settings };
}

const place = (name: string) => ({ folder: path.join(folder, name), configuration: { name } });
const neverPlanned = () => Promise.reject(new Error('a finished run is not planned again'));

test('a run leaves its checkpoint, its code and its result; run again, it is taken as it is', async () => {
  const done: number[] = [];
  const result = await trainRun(place('once'), () => sftPlan({ checkpoint: study.base }), {
    onStep: (step) => done.push(step),
  });
  assert.deepEqual(done, [1], '8 rows in a batch of 8, once');
  const run = place('once').folder;
  assert.equal(result.checkpoint, path.join(run, 'final'));
  assert.deepEqual([result.steps, result.trainingRows, result.seed], [1, 8, tinySft(study).settings.seed]);
  const code = JSON.parse(readFileSync(path.join(run, 'code.json'), 'utf8')) as { files: { [name: string]: string } };
  assert.ok('train/sft' in code.files && !('train/grpo' in code.files));
  assert.ok(!existsSync(path.join(run, '.lock')));
  assert.deepEqual(await trainRun(place('once'), neverPlanned), result);
  // Called from another folder, it has other paths.
  const elsewhere = { ...place('once'), folder: path.relative(process.cwd(), run) };
  assert.equal((await trainRun(elsewhere, neverPlanned)).checkpoint, path.join(elsewhere.folder, 'final'));
  const relative = await trainRun({ ...place('relative'), pathsFrom: folder }, () =>
    sftPlan({ checkpoint: study.base }),
  );
  assert.equal(relative.checkpoint, path.join('relative', 'final'));
});

test('a finished run that other code trained, whose result is damaged or whose checkpoint is gone is not served', async () => {
  const { folder: run } = place('once');
  const codeFile = path.join(run, 'code.json');
  const code = JSON.parse(readFileSync(codeFile, 'utf8')) as CodeVersion;
  const served = { ...place('once'), code };
  await trainRun(served, neverPlanned);
  const otherCode = { version: '0', files: { ...code.files, 'train/sft': 'edited' } };
  await assert.rejects(
    trainRun({ ...served, code: otherCode }, neverPlanned),
    /once holds a run that other code trains \(since changed: train\/sft\); choose another folder, or remove this one/,
  );
  const resultFile = path.join(run, 'result.json');
  const result = readFileSync(resultFile);
  for (const text of ['{}', 'null', '{"check']) {
    writeFileSync(resultFile, text);
    await assert.rejects(
      trainRun(served, neverPlanned),
      /result\.json is not the result of a run; put it back from a copy/,
    );
  }
  writeFileSync(resultFile, result);
  renameSync(path.join(run, 'final'), path.join(run, 'moved'));
  await assert.rejects(
    trainRun(served, neverPlanned),
    /its checkpoint .*final is gone; put it back, or remove .*result\.json/,
  );
  renameSync(path.join(run, 'moved'), path.join(run, 'final'));
  await trainRun(served, neverPlanned);
});

test('a finished run whose log has lost its lines is served with a word', async () => {
  const log = path.join(place('once').folder, 'metrics.jsonl');
  const lines = readFileSync(log);
  const warn = mock.method(console, 'warn', () => {});
  try {
    await trainRun(place('once'), neverPlanned);
    assert.equal(warn.mock.callCount(), 0);
    writeFileSync(log, '');
    await trainRun(place('once'), neverPlanned);
  } finally {
    warn.mock.restore();
    writeFileSync(log, lines);
  }
  assert.match(
    String(warn.mock.calls[0]!.arguments[0]),
    /is finished, but its log is damaged \(.*line 1 is not that of step 1/,
  );
});

test('the digests of a plan change with any file of the start, any text and any pixel', async () => {
  const start = path.join(folder, 'changing');
  cpSync(study.base, start, { recursive: true });
  const plan = await sftPlan({ checkpoint: start });
  const before = planDigests(plan);
  for (const name of ['config.json', 'tokenizer.json', 'preprocessor_config.json', 'model.safetensors'])
    assert.ok(name in before.checkpoint, name);
  appendFileSync(path.join(start, 'preprocessor_config.json'), '\n');
  const [row] = plan.rows as SftRow[];
  const [picture] = row!.pictures as RgbImage[];
  picture!.data[0]! ^= 1;
  row!.completion += '.';
  const now = planDigests(plan);
  assert.equal(changesText(before, now), 'other checkpoint.preprocessor_config.json; other prompts; other pictures');
});

test('a folder that another process holds, and one of another run, are refused before anything is planned', async () => {
  const { folder: held } = place('held');
  mkdirSync(held);
  const holder = { host: os.hostname(), pid: process.ppid, began: null, since: 'noon', job: null };
  writeFileSync(path.join(held, '.lock'), JSON.stringify(holder));
  await assert.rejects(trainRun(place('held'), neverPlanned), new RegExp(`trained in by process ${process.ppid}`));
  await assert.rejects(trainRun({ ...place('once'), configuration: {} }, neverPlanned), /another configuration/);
});

test('a start that cannot be loaded, or rows that cannot be had, leave nothing', async () => {
  const broken = path.join(folder, 'broken-start');
  mkdirSync(broken);
  await assert.rejects(trainRun(place('unloadable'), () => sftPlan({ checkpoint: broken })));
  await assert.rejects(
    trainRun(place('rowless'), () => Promise.reject(new Error('row 3'))),
    /row 3/,
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => ['unloadable', 'rowless'].includes(name)),
    [],
  );
});

test('adapters of the start are merged into a checkpoint of its own before new ones are trained', async () => {
  await startEngine();
  const first = await trainRun(place('adapters'), () => sftPlan({ checkpoint: study.base, lora: LORA }));
  const second = await trainRun(place('adapters-2'), () => grpoPlan({ checkpoint: first.checkpoint, lora: LORA }));
  const start = path.join(place('adapters-2').folder, 'start');
  const [merged, adapted] = [loadModel(start), loadModel(first.checkpoint)];
  mergeAdapters(adapted.parameters);
  for (const [name, tensor] of Object.entries(adapted.parameters))
    assert.deepEqual(widen(merged.parameters[name]!).dataSync(), widen(tensor).dataSync(), name);
  [merged, adapted].forEach(disposeModel);
  const config = JSON.parse(readFileSync(path.join(second.checkpoint, 'adapter_config.json'), 'utf8')) as {
    base_model_name_or_path: string;
  };
  // A path from the adapter's folder: the run may be moved, and no name of a machine's folder is handed on.
  assert.equal(config.base_model_name_or_path, '../start');
});
