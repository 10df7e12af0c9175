import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { SIZES } from '../../lib/bench/published-shapes.js';
import { writeRandomCheckpoint } from '../../lib/bench/random-checkpoint.js';
import { sizeTable } from '../../lib/bench/size.js';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { parseConfig } from '../../lib/model/configuration.js';
import { disposeModel, encodePrompt, loadModel } from '../../lib/model/model.js';
import { countParameters } from '../../lib/model/parameters.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

test("the shape is Qwen2-VL-2B's: 2,208,985,600 parameters, as the published checkpoint has", () => {
  assert.equal(countParameters(parseConfig(SIZES['2b'])), 2_208_985_600);
  assert.equal(Math.round(countParameters(parseConfig(SIZES['0.2b'])) / 1e7), 20);
});

test('a random checkpoint loads, with special tokens at their real ids and matrices of the spread asked for', async () => {
  await startEngine();
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-size-'));
  try {
    const file = structuredClone(SIZES['2b']) as { [field: string]: number } & {
      vision_config: { [field: string]: number };
    };
    Object.assign(file, { hidden_size: 128, num_attention_heads: 1, num_key_value_heads: 1, intermediate_size: 64 });
    Object.assign(file, { num_hidden_layers: 2 });
    Object.assign(file.vision_config, { depth: 1, embed_dim: 64, hidden_size: 128 });
    const checkpoint = path.join(folder, 'checkpoint');
    writeRandomCheckpoint(file, path.join(repositoryRoot(), 'data', 'nano'), checkpoint);
    const model = loadModel(checkpoint);
    assert.equal(model.tokenizer.special.imagePad, 151_655);
    assert.equal(model.tokenizer.special.imEnd, 151_645);
    const image = { width: 56, height: 56, data: new Uint8Array(56 * 56 * 3) };
    // 56 pixels are 4 patches of 14; 2 x 2 patches make a token.
    const { tokens } = encodePrompt(model, [image], 'How many cubes are there?');
    assert.equal(tokens.filter((token) => token === 151_655).length, 4);
    const deviation = (name: string) => {
      const values = widen(model.parameters[name]!).dataSync() as Float32Array;
      return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    };
    assert.ok(Math.abs(deviation('model.layers.0.mlp.up_proj.weight') - 0.02) < 0.001);
    // Into the residual stream: 0.02 / sqrt(2 x 2 layers).
    assert.ok(Math.abs(deviation('model.layers.1.mlp.down_proj.weight') - 0.01) < 0.001);
    assert.equal(deviation('model.norm.weight'), 1);
    disposeModel(model);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the table has a line for each phase, and says what failed', () => {
  const kit = {
    phases: [
      { phase: 'load', seconds: [2], cpuSeconds: [3], peakMegabytes: 9000 },
      { phase: 'SFT step', seconds: [10.04, 5], cpuSeconds: [18, 8.25], peakMegabytes: 12_000 },
    ],
  };
  const load = { phase: 'load', seconds: [3], cpuSeconds: [4], peakMegabytes: 8000 };
  // A megabyte here is 2^20 bytes, as the system counts; a GB is 10^9.
  assert.deepEqual(
    sizeTable(kit, { phases: [load], error: 'ended by SIGKILL' })
      .split('\n')
      .slice(2),
    [
      '| load | 2.0 (3.0) | 3.0 (4.0) | 9.4 GB | 8.4 GB |',
      '| SFT step | 10.0, 5.0 (18.0, 8.3) | - | 12.6 GB | - |',
      'the peer failed after that: ended by SIGKILL',
    ],
  );
});
