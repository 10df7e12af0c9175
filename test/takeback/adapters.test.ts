/** Adapters that PEFT has trained (TRL's SFTTrainer, `make_fixtures.py`) merge here to what PEFT's own merge makes of them. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { mergeAdapters } from '../../lib/model/lora.js';
import { disposeModel, loadModel, type Model } from '../../lib/model/model.js';
import { publishedName } from '../../lib/model/tensor-names.js';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { takeBack } from '../../lib/takeback/take-back.js';

const FIXTURES = path.join(__dirname, 'fixtures');
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-adapters-'));
const working = process.cwd();
let base: Model;
before(async () => {
  await startEngine();
  base = loadModel(path.join(repositoryRoot(), 'data', 'nano'));
  // PEFT names the base as it was told, here `nano`: a folder seen from where the program was started.
  process.chdir(path.join(repositoryRoot(), 'data'));
});
after(() => {
  process.chdir(working);
  disposeModel(base);
  rmSync(folder, { recursive: true, force: true });
});

/** For each weight that the merge moves: the sum of the absolute differences from the base, in each of the two. */
function movedSums(model: Model): { [name: string]: number } {
  const sums = Object.entries(model.parameters).map(([name, weight]) => {
    const sum = tf.tidy(() => tf.sum(tf.abs(tf.sub(widen(weight), widen(base.parameters[name]!)))).dataSync()[0]!);
    return [name, sum] as const;
  });
  return Object.fromEntries(sums.filter(([, sum]) => sum !== 0));
}

for (const [name, what] of [
  ['peft-sft', 'rank 2, alpha 6, two modules'],
  ['peft-rslora', 'rank 4, alpha 8, rank-stabilized, every linear map of decoder, tower and merger'],
] as const) {
  test(`${name}: ${what}`, () => {
    const model = loadModel(path.join(FIXTURES, name, 'checkpoint-2'));
    mergeAdapters(model.parameters);
    const moved = movedSums(model);
    disposeModel(model);
    const merged = JSON.parse(readFileSync(path.join(FIXTURES, name, 'merged.json'), 'utf8')) as typeof moved;
    const expected = Object.fromEntries(Object.entries(merged).map(([key, sum]) => [publishedName(key), sum]));
    assert.deepEqual(Object.keys(moved).sort(), Object.keys(expected).sort());
    for (const [key, sum] of Object.entries(expected))
      assert.ok(Math.abs(moved[key]! - sum) < 1e-4 * sum, `${key}: ${moved[key]}, PEFT ${sum}`);
  });
}

test('the run of an SFT with adapters: its base, its adapters, its log', async () => {
  const taken = await takeBack([path.join(FIXTURES, 'peft-sft')], path.join(folder, 'run'));
  assert.deepEqual([taken.trainer, taken.base, taken.logged, taken.completions], ['trl', 'nano', 2, 0]);
  const adapters = path.join(FIXTURES, 'peft-sft', 'checkpoint-2');
  assert.deepEqual(taken.checkpoint, { folder: adapters, step: 2, kind: 'adapters' });
});

test('a base that is nowhere is named, with the field to write it into; what is not LoRA is refused by its field', () => {
  const spoil = (change: object) => {
    const place = path.join(folder, 'spoilt');
    cpSync(path.join(FIXTURES, 'peft-sft', 'checkpoint-2'), place, { recursive: true });
    const file = path.join(place, 'adapter_config.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
    return () => loadModel(place);
  };
  assert.throws(
    spoil({ base_model_name_or_path: '/their/machine/qwen' }),
    /its base model '\/their\/machine\/qwen' is neither a folder nor in the cache; .* base_model_name_or_path of .*adapter_config\.json/,
  );
  for (const [change, field] of [
    [{ use_dora: true }, 'use_dora'],
    [{ peft_type: 'LOHA' }, 'peft_type'],
    [{ bias: 'all' }, 'bias'],
    [{ modules_to_save: ['lm_head'] }, 'modules_to_save'],
    [{ rank_pattern: { q_proj: 8 } }, 'rank_pattern'],
    [{ alpha_pattern: { q_proj: 8 } }, 'alpha_pattern'],
    [{ init_lora_weights: 'pissa' }, 'init_lora_weights'],
    [{ layer_replication: [[0, 1]] }, 'layer_replication'],
    [{ exclude_modules: ['lm_head'] }, undefined],
  ] as const) {
    if (field === undefined) assert.doesNotThrow(() => disposeModel(spoil(change)()));
    else assert.throws(spoil(change), new RegExp(`is not a LoRA adapter that the kit can read: ${field}`));
  }
});
