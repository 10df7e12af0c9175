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
import { readCheckpointTensors } from '../../lib/model/checkpoint-files.js';
import { parseConfig } from '../../lib/model/configuration.js';
import { disposeModel, encodePrompt, loadModel } from '../../lib/model/model.js';
import { countParameters } from '../../lib/model/parameters.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

test('the shapes have as many parameters as the published checkpoints', () => {
  assert.equal(countParameters(parseConfig(SIZES['2b'])), 2_208_985_600);
  assert.equal(countParameters(parseConfig(SIZES['qwen3-vl-2b'])), 2_127_532_032);
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

test('a random checkpoint of Qwen3-VL has transformers’ names, and patches of 16', async () => {
  await startEngine();
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-size-'));
  try {
    const file = structuredClone(SIZES['qwen3-vl-2b']) as { [part: string]: { [field: string]: unknown } };
    Object.assign(file.text_config!, { hidden_size: 64, intermediate_size: 64, num_hidden_layers: 2 });
    Object.assign(file.text_config!, { num_attention_heads: 1, num_key_value_heads: 1 });
    const tower = { depth: 1, hidden_size: 64, intermediate_size: 64, out_hidden_size: 64 };
    Object.assign(file.vision_config!, { ...tower, num_position_embeddings: 16, deepstack_visual_indexes: [0] });
    const checkpoint = path.join(folder, 'checkpoint');
    writeRandomCheckpoint(file, path.join(repositoryRoot(), 'data', 'nano'), checkpoint);
    const names = [...readCheckpointTensors(checkpoint)].map(({ name }) => name);
    assert.ok(names.includes('model.language_model.layers.1.self_attn.q_norm.weight'));
    assert.ok(names.includes('model.visual.deepstack_merger_list.0.linear_fc1.weight'));
    const model = loadModel(checkpoint);
    // 224 pixels are enlarged to 256, the least area: 16 x 16 patches, of which 2 x 2 make a token.
    const image = { width: 224, height: 224, data: new Uint8Array(224 * 224 * 3) };
    const { tokens } = encodePrompt(model, [image], 'How many cubes are there?');
    assert.equal(tokens.filter((token) => token === 151_655).length, 64);
    disposeModel(model);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the table has a line for each phase, and says what failed', () => {
  const float32 = {
    phases: [
      { phase: 'load', seconds: [2], cpuSeconds: [3], peakMegabytes: 9000 },
      { phase: 'SFT step', seconds: [10.04, 5], cpuSeconds: [18, 8.25], peakMegabytes: 12_000 },
    ],
  };
  const load = { phase: 'load', seconds: [3], cpuSeconds: [4], peakMegabytes: 8000 };
  // A megabyte here is 2^20 bytes, as the system counts; a GB is 10^9.
  assert.deepEqual(
    sizeTable({ float32, peer: { phases: [load], error: 'ended by SIGKILL' } })
      .split('\n')
      .slice(2),
    [
      '| phase | kit, float32 | PyTorch, bfloat16 | memory: kit, float32 | memory: PyTorch, bfloat16 |',
      '|---|---|---|---|---|',
      '| load | 2.0 (3.0) | 3.0 (4.0) | 9.4 GB | 8.4 GB |',
      '| SFT step | 10.0, 5.0 (18.0, 8.3) | - | 12.6 GB | - |',
      'PyTorch, bfloat16 failed after that: ended by SIGKILL',
    ],
  );
});
