/**
 * The way back: a checkpoint that was trained and saved by the kit, and an adapter, give the same logits in transformers and PEFT. It
 * runs where these are installed, in the environment of `npm run bench`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { addAdapters, LORA_DEFAULTS } from '../../lib/model/lora.js';
import {
  disposeModel,
  encodeCompletion,
  loadModel,
  type Model,
  type SaveOptions,
  saveModel,
} from '../../lib/model/model.js';
import type { TensorLayout } from '../../lib/model/tensor-names.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { installedPeers } from '../support/installed-peers.js';
import {
  CASES,
  encodeCase,
  FAMILIES,
  type Family,
  fixtureFolder,
  imageFile,
  largestGap,
  lastLogits,
  readExpected,
} from '../support/parity-fixture.js';

/** Logits are compared after so many last tokens of each prompt. */
const COUNT = 8;
const python = installedPeers();
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-reload-'));

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true }));

interface Saved {
  checkpoint: string;
  adapter: string | null;
  /** The kit's own logits, a list a case. */
  logits: Float32Array[];
}

/** How each family is saved, so that between them every layout occurs. */
const SAVED: { [family in Family]: { config: string; layout: TensorLayout; options: SaveOptions } } = {
  'qwen2-vl': { config: 'config.published.json', layout: 'published', options: { shardBytes: 30_000 } },
  'qwen2.5-vl': { config: 'config.json', layout: 'modules', options: { dtype: 'bfloat16' } },
  'qwen3-vl': { config: 'config.published.json', layout: 'modules', options: { shardBytes: 50_000 } },
};

/** Two steps of supervised fine-tuning of everything, at a rate that shows. */
async function train(model: Model, family: Family, name: string): Promise<void> {
  const { cases } = readExpected(family);
  const prompts = await Promise.all([cases.one, cases.two].map((conversation) => encodeCase(model, conversation)));
  const examples = prompts.map((prompt) => ({ prompt, completion: encodeCompletion(model, 'two cubes') }));
  const schedule = { learningRate: 3e-2, warmupSteps: 0, decay: 'constant' } as const;
  const settings = {
    ...REASON_RFT_SFT,
    epochs: 2,
    batchSize: 2,
    examplesPerMicroBatch: 2,
    schedule,
    freezeVision: false,
  };
  const run = RunDirectory.open(path.join(folder, `run-${family}-${name}`), {});
  await trainSft({ model, examples, settings, run });
}

async function logitsOf(model: Model, family: Family): Promise<Float32Array[]> {
  const { cases } = readExpected(family);
  const prompts = await Promise.all(CASES.map((name) => encodeCase(model, cases[name])));
  return prompts.map((prompt) => lastLogits(model, prompt, COUNT));
}

/** A trained checkpoint, as it reads back, and an adapter trained on it. */
async function save(family: Family): Promise<Saved[]> {
  const { config, layout, options } = SAVED[family];
  const base = path.join(folder, `${family}-base`);
  cpSync(fixtureFolder(family), base, { recursive: true });
  cpSync(path.join(fixtureFolder(family), config), path.join(base, 'config.json'));
  const checkpoint = path.join(folder, family);
  const model = { ...loadModel(base), tensorLayout: layout };
  const before = await logitsOf(model, family);
  await train(model, family, 'whole');
  saveModel(model, checkpoint, options);
  disposeModel(model);

  const read = loadModel(checkpoint);
  const whole: Saved = { checkpoint, adapter: null, logits: await logitsOf(read, family) };
  assert.ok(largestGap(whole.logits[2]!, before[2]!) > 0.1, 'training changed nothing: a weak test');
  addAdapters(read.parameters, { ...LORA_DEFAULTS, rank: 2, targetModules: 'all-linear' });
  await train(read, family, 'adapter');
  const adapter = path.join(folder, `${family}-adapter`);
  saveModel(read, adapter);
  const adapted: Saved = { checkpoint, adapter, logits: await logitsOf(read, family) };
  assert.ok(largestGap(adapted.logits[2]!, whole.logits[2]!) > 0.1, 'the adapter changes nothing: a weak test');
  disposeModel(read);
  return [whole, adapted];
}

test('trained and saved here, checkpoints and adapters of all families have the same logits in transformers and PEFT', {
  skip: python ? false : 'PyTorch and transformers are not installed; `npm run bench` installs them',
}, async (context) => {
  const saved = (await Promise.all(FAMILIES.map(save))).flat();
  // The questions and images of all families are the same.
  const { cases } = readExpected('qwen2-vl');
  const request = {
    count: COUNT,
    folders: saved.map(({ checkpoint, adapter }) => ({ checkpoint, adapter })),
    cases: CASES.map((name) => ({ question: cases[name].question, images: cases[name].images.map(imageFile) })),
  };
  const child = spawnSync(python!, [path.join(__dirname, 'reload.py')], {
    input: JSON.stringify(request),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  assert.equal(child.status, 0, child.stderr);
  const answer = JSON.parse(child.stdout) as { peft: boolean; logits: { [folder: string]: number[][] } };
  if (!answer.peft) context.diagnostic('PEFT is not installed there: the adapters are not compared');
  for (const { checkpoint, adapter, logits } of saved) {
    if (adapter && !answer.peft) continue;
    const gaps = CASES.map((name, i) => {
      const gap = largestGap(logits[i]!, answer.logits[adapter ?? checkpoint]![i]!);
      assert.ok(gap < 1e-4, `${adapter ?? checkpoint}, ${name}: ${gap}`);
      return gap;
    });
    context.diagnostic(`${path.basename(adapter ?? checkpoint)}: largest difference of logits ${Math.max(...gaps)}`);
  }
});
