/**
 * Checkpoints in the forms that people hold: tied and untied heads, float32, float16 and bfloat16, one file and several, in the layout
 * of transformers 5 and of the release in which the family was published. transformers writes them, and the kit's logits are its own. It
 * runs where transformers is installed, in the environment of `npm run bench`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { disposeModel, loadModel } from '../../lib/model/model.js';
import { installedPeers } from '../support/installed-peers.js';
import { encodeCase, type Family, largestGap, lastLogits, readExpected } from '../support/parity-fixture.js';

const python = installedPeers();
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-variants-'));

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true }));

test('checkpoints that transformers wrote in any type, with any head, in any number of files and in both layouts have its logits', {
  skip: python ? false : 'PyTorch and transformers are not installed; `npm run bench` installs them',
}, async (context) => {
  const child = spawnSync(python!, [path.join(__dirname, 'variants.py'), folder], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  assert.equal(child.status, 0, child.stderr);
  const answer = JSON.parse(child.stdout) as { [folder: string]: { family: Family; logits: number[] } };
  assert.equal(Object.keys(answer).length, 3 * 6);
  const gaps: number[] = [];
  for (const [checkpoint, { family, logits }] of Object.entries(answer)) {
    const model = loadModel(checkpoint);
    const prompt = await encodeCase(model, readExpected(family).cases.two);
    const gap = largestGap(lastLogits(model, prompt, logits.length / model.config.vocabSize), logits);
    disposeModel(model);
    assert.ok(gap < 1e-4, `${checkpoint}: ${gap}`);
    gaps.push(gap);
  }
  context.diagnostic(`largest difference of logits: ${Math.max(...gaps)}`);
});
