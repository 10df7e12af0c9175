import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { curateTrainingRows } from '../../../lib/study/data/curate-rows.js';
import { dataFolder, writeStudyData } from '../../../lib/study/data/data-folder.js';
import { sampleTestRows, sampleTrainingRows } from '../../../lib/study/data/draw-rows.js';
import { loadRows } from '../../../lib/study/data/load-rows.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { TASKS } from '../../../lib/tasks/tasks.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-data-'));
const study = openStudy('tiny', folder);
const isPartial = (name: string) => name.endsWith('.partial');
after(() => rmSync(folder, { recursive: true, force: true }));

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
  assert.deepEqual(readdirSync(path.dirname(data)).filter(isPartial), []);
  // Its source.json is as it was, but the folder is no longer what it says.
  const [picture] = readdirSync(path.join(data, 'images'));
  rmSync(path.join(data, 'images', picture!));
  await assert.rejects(
    writeStudyData(study, kept, tests),
    new RegExp(`has lost 1 of its 67 files, among them images/${picture}; remove it, and the same command`),
  );
});

test('two who write the same data at once both end well; what a killed process left is removed', async () => {
  const twice = openStudy('tiny', path.join(folder, 'twice'));
  const tests = sampleTestRows(twice, 'counting');
  const { kept } = curateTrainingRows(twice, sampleTrainingRows(twice, 'counting'), tests);
  const data = dataFolder(twice, 'counting');
  const ended = spawnSync(process.execPath, ['--version']).pid;
  mkdirSync(path.join(`${data}.${hostname()}-${ended}-1.0.partial`, 'images'), { recursive: true });
  const folders = await Promise.all([writeStudyData(twice, kept, tests), writeStudyData(twice, kept, tests)]);
  assert.deepEqual(folders, [data, data]);
  assert.equal(readdirSync(path.join(data, 'images')).length, 48 + 8 + 8);
  assert.deepEqual(readdirSync(path.dirname(data)), ['counting']);
});

test('when two processes write different data at once, the later one gets an error', async () => {
  const other = openStudy('tiny', path.join(folder, 'other'));
  const tests = sampleTestRows(other, 'counting');
  const { kept } = curateTrainingRows(other, sampleTrainingRows(other, 'counting'), tests);
  const outcomes = await Promise.allSettled([
    writeStudyData(other, kept, tests),
    writeStudyData(other, kept.slice(1), tests),
  ]);
  const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refusals.length, 1);
  assert.match(String(refusals[0]!.reason), /holds data of another seed, profile or version/);
  assert.deepEqual(readdirSync(path.dirname(dataFolder(other, 'counting'))), ['counting']);
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
