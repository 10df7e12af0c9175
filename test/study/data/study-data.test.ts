import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { curateTrainingRows } from '../../../lib/study/data/curate-rows.js';
import { dataFolder, writeStudyData } from '../../../lib/study/data/data-folder.js';
import {
  fingerprintOf,
  pretrainingScenes,
  questionOf,
  sampleTestRows,
  sampleTrainingRows,
} from '../../../lib/study/data/draw-rows.js';
import { loadRows } from '../../../lib/study/data/load-rows.js';
import { domainRows, longestCompletion, PAPER_PROFILE, QUICK, STANDARD, TINY } from '../../../lib/study/profile.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { TASK_NAMES, TASKS, testSetsOf } from '../../../lib/tasks/tasks.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-data-'));
const study = openStudy('tiny', folder);
after(() => rmSync(folder, { recursive: true, force: true }));

test('the quick profile: 6,400 rows, 1,600 of them for stage 1, no scene in two of training, tests and pretraining', () => {
  const quick = { ...openStudy('quick', folder), profile: { ...QUICK, trainRows: 1600, stageOneRows: 400 } };
  const tests = sampleTestRows(quick, 'counting');
  const { kept } = curateTrainingRows(quick, sampleTrainingRows(quick, 'counting'), tests);
  assert.equal(kept.length, 1600);
  assert.deepEqual([tests.id.length, tests.ood.length], [500, 500]);
  const train = new Set(kept.map(fingerprintOf));
  const pretraining = pretrainingScenes(quick);
  const held = [...tests.id, ...tests.ood].map(fingerprintOf);
  assert.equal(new Set(held).size, 1000, 'test scenes repeat');
  assert.equal(held.filter((scene) => train.has(scene)).length, 0);
  assert.equal(held.filter((scene) => pretraining.has(scene)).length, 0);
});

for (const task of ['structure', 'transformation'] as const) {
  test(`${task}: no test item is trained on, by scene and by question, nor stands in two test sets`, () => {
    // Spatial transformation's rows take long to draw.
    const testItems = task === 'transformation' ? 300 : STANDARD.testItems;
    const profile = { ...STANDARD, testItems, trainRows: 1600, stageOneRows: 400 };
    const standard = { ...openStudy('standard', folder), profile };
    const tests = sampleTestRows(standard, task);
    const raw = sampleTrainingRows(standard, task);
    const { kept, dropped } = curateTrainingRows(standard, raw, tests);
    assert.equal(kept.length, 1600);
    const held = Object.values(tests).flat();
    for (const name of [fingerprintOf, questionOf]) {
      const asked = new Set(held.map(name));
      assert.equal(asked.size, held.length, 'test items repeat');
      assert.equal(kept.filter((row) => asked.has(name(row))).length, 0);
    }
    // Had nobody looked, some would be: the raw rows hold test items.
    assert.ok(dropped.some(({ check }) => check === 'leakage'));
  });
}

test('the standard profile tests on as many items as the paper', () => {
  const sizes = TASK_NAMES.map((task) => testSetsOf(task).map((set) => domainRows(STANDARD, task, set)));
  assert.deepEqual(sizes, [
    [{ id: 1000 }, { 'ood-look': 750, 'ood-look-question': 250 }],
    [{ id: 820 }, { ood: 800 }],
    [{ id: 1000 }, { 'ood-left': 1000 }, { 'ood-right': 1000 }],
  ]);
  assert.throws(
    () => domainRows({ ...STANDARD, testItems: 10 }, 'counting', 'ood'),
    /profile standard: 10 items of counting's test set 'ood' make 7\.5 rows of domain 'ood-look'/,
  );
});

test('completions are as long as the profile says, or as the nano model needs for the task', () => {
  assert.deepEqual(
    [QUICK, STANDARD, TINY, PAPER_PROFILE].map((profile) => TASK_NAMES.map((task) => longestCompletion(profile, task))),
    [
      [88, 84, 160],
      [88, 84, 160],
      [16, 16, 16],
      [512, 512, 512],
    ],
  );
});

test('transformation rows are written with both images of each, and read back', async () => {
  const tests = sampleTestRows(study, 'transformation');
  const { kept } = curateTrainingRows(study, sampleTrainingRows(study, 'transformation'), tests);
  await writeStudyData(study, kept, tests);
  const data = dataFolder(study, 'transformation');
  assert.equal(readdirSync(path.join(data, 'images')).length, 2 * (48 + 8 + 8 + 8));
  const { records, images } = await loadRows(study, 'ood-left', 'transformation');
  assert.deepEqual(records, JSON.parse(JSON.stringify(tests['ood-left'])));
  assert.deepEqual(
    images[0]!.map(({ data }) => data),
    TASKS.transformation.draw(records[0]!).map(({ data }) => data),
  );
  await assert.rejects(loadRows(study, 'id', 'structure'), /curate --task structure/);
});

test('out of domain is 3 to 1 by look alone and by look and question', () => {
  const { ood } = sampleTestRows(study, 'counting');
  assert.equal(ood.filter((row) => row.domain === 'ood-look').length, 6);
  assert.equal(ood.filter((row) => row.domain === 'ood-look-question').length, 2);
});

test('the same profile gives the same rows', () => {
  assert.deepEqual(sampleTrainingRows(study, 'counting'), sampleTrainingRows(study, 'counting'));
});

test('data is written whole: records and an image each, and nothing that no training reads; and read back', async () => {
  const tests = sampleTestRows(study, 'counting');
  const { kept } = curateTrainingRows(study, sampleTrainingRows(study, 'counting'), tests);
  await writeStudyData(study, kept, tests);
  const data = dataFolder(study, 'counting');
  assert.equal(readdirSync(path.join(data, 'images')).length, 48 + 8 + 8);
  assert.deepEqual(readdirSync(data).sort(), [
    'images',
    'source.json',
    'test-id.jsonl',
    'test-ood.jsonl',
    'train.jsonl',
  ]);
  assert.equal(await writeStudyData(study, kept, tests), data, 'the same records again: the folder stays');
  await assert.rejects(writeStudyData(study, kept.slice(1), tests), /holds data of another seed, profile or version/);
  const { records, images } = await loadRows(study, 'id', 'counting');
  assert.deepEqual(records, JSON.parse(JSON.stringify(tests.id)));
  assert.deepEqual([images[0]![0]!.width, images[0]![0]!.height], [64, 64]);
  assert.ok(!existsSync(`${data}.partial`));
});

test('a record that names a missing image is refused with file and row', async () => {
  const file = path.join(dataFolder(study, 'counting'), 'test-id.jsonl');
  const sound = readFileSync(file, 'utf8');
  writeFileSync(file, sound.replace('counting-id-000003.png', 'nowhere.png'));
  await assert.rejects(
    loadRows(study, 'id', 'counting'),
    /test-id\.jsonl, row 4, field 'image': there is no file .*nowhere\.png/,
  );
  writeFileSync(file, sound);
});

test('without data, the command that makes it is named', async () => {
  await assert.rejects(
    loadRows(openStudy('tiny', path.join(folder, 'none')), 'train', 'counting'),
    /curate --task counting/,
  );
});
