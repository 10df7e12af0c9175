/** A folder that holds checkpoints and is none itself, such as that of a run, is told apart wherever a model is named. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fetchModelFolder } from '../../lib/model/hub.js';
import { loadModel } from '../../lib/model/model.js';
import { checkModelFolder } from '../../lib/model/model-folder.js';
import { startFolder } from '../../lib/study/cells/own-cell.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-model-folder-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A run's folder with these checkpoints in it. */
function run(name: string, ...checkpoints: string[]): string {
  const place = path.join(folder, name);
  mkdirSync(place);
  writeFileSync(path.join(place, 'run.json'), '{}');
  for (const checkpoint of checkpoints) {
    mkdirSync(path.join(place, checkpoint));
    writeFileSync(path.join(place, checkpoint, 'config.json'), '{}');
  }
  return place;
}

test('the checkpoint that was meant is named, in code as in commands', async () => {
  const finished = run('finished', 'best', 'final', 'start');
  const message = /finished' is not a checkpoint, but holds some: name .*finished.final$/;
  assert.throws(() => loadModel(finished), message);
  assert.throws(() => startFolder(finished), message);
  await assert.rejects(fetchModelFolder(finished), message);
  assert.throws(() => checkModelFolder(run('two', 'a', 'b')), /holds some: name .*two.a or .*two.b$/);
});

test('a run without a checkpoint is said to be unfinished; a checkpoint, and what is neither, pass', () => {
  assert.throws(() => checkModelFolder(run('begun')), /is the folder of a run that is not finished.*begun.final/);
  checkModelFolder(path.join(run('whole', 'final'), 'final'));
  checkModelFolder(path.join(run('plain', 'final'), 'run.json'));
});
