/** The description of the model’s modules beside a real checkpoint and beside those who read it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseConfig, readConfig } from '../../lib/model/configuration.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import { decoderLayer, modelModules } from '../../lib/model/modules.js';
import { countParameters, parameterShapes } from '../../lib/model/parameters.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import { moduleName, publishedName } from '../../lib/model/tensor-names.js';
import { FAMILIES, fixtureFolder } from '../support/parity-fixture.js';
import { TINY_CONFIG } from '../support/tiny-model.js';

describe('modelModules', () => {
  for (const family of FAMILIES) {
    it(`${family}: has the names and shapes of a checkpoint that transformers wrote`, () => {
      const folder = fixtureFolder(family);
      const tensors = [...readSafetensors(path.join(folder, 'model.safetensors'))];
      const written = tensors.map(({ name, shape }) => [publishedName(name), shape] as const);
      assert.deepEqual(new Map([...parameterShapes(readConfig(folder))].sort()), new Map(written.sort()));
    });
  }

  it('has the names and shapes of transformers’ model of the published Qwen3-VL checkpoints, 2B, 4B and 8B', () => {
    const file = path.join(fixtureFolder('qwen3-vl'), '../qwen3-vl-names.json');
    const models = JSON.parse(readFileSync(file, 'utf8')) as {
      [size: string]: { config: object; scalars: number; tensors: { [name: string]: [number[], number] } };
    };
    assert.deepEqual(Object.keys(models), ['2B', '4B', '8B']);
    for (const { config: json, scalars, tensors } of Object.values(models)) {
      const config = parseConfig(json);
      const own: typeof tensors = {};
      for (const [name, shape] of parameterShapes(config)) {
        const place = moduleName(name).replace(/\.\d+\./, '.*.');
        own[place] ??= [shape, 0];
        own[place][1]++;
      }
      assert.deepEqual(own, tensors);
      assert.equal(countParameters(config), scalars);
    }
  });

  it('marks the last map of each branch: its output joins the residual stream', () => {
    const marked = modelModules(TINY_CONFIG).filter(({ writesResidual }) => writesResidual);
    const { layers, vision } = TINY_CONFIG;
    // Attention and perceptron of each decoder layer and of each block of the tower.
    assert.equal(marked.length, 2 * layers + 2 * vision.layers);
  });
});

describe('decoderLayer', () => {
  it('holds the linear maps that LoRA adapts by default', () => {
    const { headNorms: _, ...layer } = decoderLayer(TINY_CONFIG, 0);
    const maps = Object.values(layer).filter(({ weight }) => weight.length === 2);
    assert.equal(maps.map(({ name }) => name.split('.').at(-1)).join(','), LORA_DEFAULTS.targetModules);
  });

  it('has queries as wide as all heads, and keys and values as wide as the key-value heads', () => {
    const config = { ...TINY_CONFIG, hiddenSize: 24, heads: 6, keyValueHeads: 2, headSize: 8 };
    const { queries, keys, values, output } = decoderLayer(config, 3);
    assert.deepEqual(
      [queries.weight, keys.weight, values.weight, output.weight],
      [
        [48, 24],
        [16, 24],
        [16, 24],
        [24, 48],
      ],
    );
    assert.equal(queries.name, 'model.layers.3.self_attn.q_proj');
  });
});
