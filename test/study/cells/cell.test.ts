/** Cells: taken as they are when nothing changed, made again where code or data did, one process in a folder. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { GrpoCell } from '../../../lib/study/cells/cell.js';
import { cellCode, cellFolder, evaluationFile, staleCell, staleText } from '../../../lib/study/cells/cell-identity.js';
import { trainingRowsDigest } from '../../../lib/study/cells/cell-rows.js';
import {
  evaluateCell,
  finishedEvaluation,
  openCellRun,
  runCell,
  startedRun,
} from '../../../lib/study/cells/run-cell.js';
import { dataFolder } from '../../../lib/study/data/data-folder.js';
import { paradigmCell } from '../../../lib/study/design/paradigms.js';
import type { Study } from '../../../lib/study/workspace.js';
import { lockFolder } from '../../../lib/train/run-lock.js';
import { tinyGrpo, tinySft, tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
before(async () => {
  ({ study, remove } = await tinyStudy('cell'));
});
after(() => remove());

/** Makes a cell's folder look as if other code had trained it. */
function age(folder: string): string {
  const old = folder.replace(/[0-9a-f]{8}$/, '00000000');
  renameSync(folder, old);
  const file = path.join(old, 'code.json');
  const code = JSON.parse(readFileSync(file, 'utf8')) as { files: { [name: string]: string } };
  writeFileSync(file, JSON.stringify({ ...code, files: { ...code.files, 'train/adamw': '0' } }));
  return old;
}

test('another tokenizer, or another shard behind the same index, makes another cell and another evaluation', () => {
  const base = path.join(study.folder, 'sharded');
  cpSync(study.base, base, { recursive: true });
  renameSync(path.join(base, 'model.safetensors'), path.join(base, 'model-00001-of-00001.safetensors'));
  const index = { weight_map: { 'model.norm.weight': 'model-00001-of-00001.safetensors' } };
  writeFileSync(path.join(base, 'model.safetensors.index.json'), JSON.stringify(index));
  const sharded = { ...study, base };
  const places = () => [
    cellFolder(sharded, tinySft(study)),
    evaluationFile(sharded, { kind: 'base', task: 'counting' }, 'id', 'think'),
  ];
  const before = places();
  for (const name of ['model-00001-of-00001.safetensors', 'tokenizer.json', 'config.json']) {
    const earlier = places();
    appendFileSync(path.join(base, name), ' ');
    places().forEach((place, i) => {
      assert.notEqual(place, earlier[i], name);
    });
  }
  assert.notDeepEqual(places(), before);
  rmSync(base, { recursive: true });
});

test('a slip in the name of a field, setting or reward of a cell is refused before anything is made', async () => {
  const sft = tinySft(study);
  const grpo = tinyGrpo(study, sft);
  const validation = { evaluateEvery: 1, items: 2, samples: 1, maxNewTokens: 4, temperature: 1, topK: 0, topP: 1 };
  const slips: [object, RegExp][] = [
    [{ ...sft, targett: 'cot' }, /cell: there is no field 'targett'; did you mean 'target'\?/],
    [{ ...sft, kind: 'dpo' }, /cell: there is no kind 'dpo'; the kinds are sft, grpo/],
    [{ ...sft, rows: undefined, row: [0, 8] }, /cell: there is no field 'row'; did you mean 'rows'\?/],
    [{ ...sft, settings: { ...sft.settings, epoch: 1 } }, /sft: there is no setting 'epoch'; did you mean 'epochs'\?/],
    [{ ...grpo, settings: sft.settings }, /grpo: there is no setting 'epochs'/],
    [{ ...grpo, rewards: { acuracy_reward: 1 } }, /no reward 'acuracy_reward'; did you mean 'accuracy_reward'\?/],
    [{ ...grpo, lora: { ranks: 2 } }, /lora: there is no setting 'ranks'; did you mean 'rank'\?/],
    [
      { ...grpo, validation: { ...validation, item: 2 } },
      /validation: there is no setting 'item'; did you mean 'items'/,
    ],
    [
      { ...grpo, start: { ...sft, spoiledshare: 1 } },
      /cell: there is no field 'spoiledshare'; did you mean 'spoiledSh/,
    ],
  ];
  for (const [cell, message] of slips) {
    assert.throws(() => cellFolder(study, cell as never), message);
    await assert.rejects(runCell(study, cell as never), message);
  }
  assert.ok(!existsSync(path.join(study.folder, 'cells')));
});

test('what cells share of a profile cannot be changed for one of them', () => {
  const cell = paradigmCell(study, 'reason-rft', 'counting');
  assert.throws(() => {
    cell.settings.schedule.learningRate = 1e-3;
  }, TypeError);
  assert.notEqual(paradigmCell(study, 'reason-rft', 'counting').settings.schedule.learningRate, 1e-3);
});

test('a finished cell is taken as it is; what other code trained is trained again beside it, or accepted by a plain word', async () => {
  const cell = tinySft(study);
  const folder = cellFolder(study, cell);
  assert.match(path.basename(folder), /^sft-[0-9a-f]{12}-[0-9a-f]{8}$/);
  const first = await runCell(study, cell);
  assert.deepEqual(await runCell(study, cell), first);
  assert.equal(staleCell(study, cell), undefined);

  const old = age(folder);
  const stale = staleCell(study, cell)!;
  assert.deepEqual(stale, { folder: old, changed: ['train/adamw'] });
  assert.equal(staleText(stale), 'trained by other code (since changed: train/adamw)');
  writeFileSync(path.join(old, 'code.json'), JSON.stringify({ ...cellCode(cell), version: '00000000' }));
  assert.deepEqual(staleCell(study, cell)!.changed, ['which module imports which']);
  const accepting = { ...study, acceptStale: true };
  assert.equal(cellFolder(accepting, cell), old);
  assert.equal((await runCell(accepting, cell)).wallSeconds, first.wallSeconds);
  assert.ok(!existsSync(folder), 'accepting trains nothing');

  // What starts from it is another cell by whose code its start was trained.
  const stageTwo = tinyGrpo(study, cell);
  assert.notEqual(cellFolder(accepting, stageTwo), cellFolder(study, stageTwo));

  await runCell(study, cell);
  assert.ok(existsSync(path.join(folder, 'result.json')) && existsSync(path.join(old, 'result.json')));
  assert.equal(cellFolder(accepting, cell), folder, 'what this code trained comes first');
  const metrics = (place: string) => readFileSync(path.join(place, 'metrics.jsonl'), 'utf8');
  assert.equal(metrics(folder), metrics(old), 'the same code under another name gives the same numbers');
});

test('a measure that other code made is made again, or accepted', async () => {
  const cell = { kind: 'base', task: 'counting' } as const;
  const evaluation = await evaluateCell(study, cell, 'id', 'direct');
  const file = evaluationFile(study, cell, 'id', 'direct');
  renameSync(file, file.replace(/[0-9a-f]{8}\.json$/, '00000000.json'));
  assert.equal(finishedEvaluation(study, cell, 'id', 'direct'), undefined);
  assert.deepEqual(finishedEvaluation({ ...study, acceptStale: true }, cell, 'id', 'direct'), evaluation);
  assert.deepEqual(await evaluateCell(study, cell, 'id', 'direct'), evaluation);
});

test('a cell is known by the rows that it trains on: one picture or word of them makes another, of other rows none', () => {
  const cell = tinySft(study);
  const folder = cellFolder(study, cell);
  const records = path.join(dataFolder(study, 'counting'), 'train.jsonl');
  const image = (row: number) => {
    const { image } = JSON.parse(readFileSync(records, 'utf8').split('\n')[row]!) as { image: string };
    return path.join(dataFolder(study, 'counting'), 'images', image);
  };
  const touched = (change: () => void) => {
    change();
    appendFileSync(records, '\n');
    return cellFolder(study, cell);
  };
  assert.equal(
    touched(() => {}),
    folder,
  );
  assert.equal(
    touched(() => appendFileSync(image(8), ' ')),
    folder,
    'row 8 is the first that it does not train on',
  );
  const other = touched(() => appendFileSync(image(7), ' '));
  assert.notEqual(other, folder);
  const reword = () => writeFileSync(records, readFileSync(records, 'utf8').replace('"cot":"', '"cot":"So '));
  assert.notEqual(touched(reword), other);
});

test('GRPO asks in the style of its cell, and is another cell on other rows in another style', async () => {
  const bare: GrpoCell = { ...tinyGrpo(study, 'base', 1), style: 'direct', rewards: { bare_accuracy_reward: 1 } };
  const thinking: GrpoCell = { ...bare, style: undefined };
  assert.notEqual(trainingRowsDigest(study, bare), trainingRowsDigest(study, thinking));
  await runCell(study, bare);
  const prompts = (await startedRun(study, bare)!.readCompletions(1)).map(({ prompt }) => prompt);
  assert.equal(prompts.length, 4);
  for (const prompt of prompts) assert.match(prompt, /\? Answer with a number\.\s*(assistant\s*)?$/);
  const names = Object.keys(startedRun(study, bare)!.metrics()[0]!).filter((name) => name.startsWith('rewards/'));
  assert.ok(names.includes('rewards/bare_accuracy_reward/mean') && !names.some((name) => name.includes('format')));
});

test('one process works in a folder: an error tells another who that is; a lock whose process is gone is taken over', async () => {
  const cell = { ...tinySft(study), rows: [0, 4] as [number, number] };
  const lock = path.join(openCellRun(study, cell).folder, '.lock');
  const holder = { host: os.hostname(), pid: process.ppid, began: null, since: 'noon', job: null };
  writeFileSync(lock, JSON.stringify(holder));
  await assert.rejects(runCell(study, cell), (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`being trained in by process ${process.ppid} on .*since noon; wait until it ends`),
    );
    return true;
  });
  writeFileSync(lock, JSON.stringify({ ...holder, host: 'elsewhere' }));
  await assert.rejects(runCell(study, cell), /on elsewhere, since noon; if it is gone, remove .*\.lock/);
  // A process that has ended; on Linux one that is alive but began at another time, too.
  const ended = { ...holder, pid: spawnSync(process.execPath, ['-e', '0']).pid };
  writeFileSync(lock, JSON.stringify(process.platform === 'linux' ? { ...holder, began: '1' } : ended));
  assert.equal(await lockFolder(path.dirname(lock), async () => 'taken over'), 'taken over');
  writeFileSync(lock, JSON.stringify(ended));
  // Twice at once in this process: the second waits and takes what the first leaves.
  const [one, two] = await Promise.all([runCell(study, cell), runCell(study, cell)]);
  assert.deepEqual(one, two);
  assert.ok(!existsSync(lock));
});
