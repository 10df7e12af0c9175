/** Checkpoints in either layout of names, with a tied head stored or not: read, and written as they were read. */

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { disposeModel, loadModel, saveModel } from '../../lib/model/model.js';
import { type HostTensor, readSafetensors, writeSafetensors } from '../../lib/model/safetensors.js';
import { moduleName, publishedName } from '../../lib/model/tensor-names.js';
import { FAMILIES, type Family, fixtureFolder } from '../support/parity-fixture.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-names-'));
before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true }));

const tensorsOf = (checkpoint: string) => [...readSafetensors(path.join(checkpoint, 'model.safetensors'))];
const namesOf = (checkpoint: string) =>
  tensorsOf(checkpoint)
    .map(({ name }) => name)
    .sort();

/** A copy of a fixture's checkpoint with other tensors. */
function changed(family: Family, name: string, change: (tensors: HostTensor[]) => HostTensor[]): string {
  const copy = path.join(folder, `${family}-${name}`);
  cpSync(fixtureFolder(family), copy, { recursive: true });
  writeSafetensors(path.join(copy, 'model.safetensors'), change(tensorsOf(copy)));
  return copy;
}

describe('names', () => {
  it('of a module and of a published tensor are tensor other’s', () => {
    for (const [published, module] of [
      ['visual.blocks.3.attn.qkv.weight', 'model.visual.blocks.3.attn.qkv.weight'],
      ['model.layers.0.mlp.up_proj.weight', 'model.language_model.layers.0.mlp.up_proj.weight'],
      ['model.embed_tokens.weight', 'model.language_model.embed_tokens.weight'],
      ['lm_head.weight', 'lm_head.weight'],
    ] as const) {
      assert.equal(moduleName(published), module);
      assert.equal(publishedName(module), published);
      assert.equal(publishedName(published), published);
    }
  });
});

/** The published name of one of the modules, and the other way round. */
function nameInOtherLayout(name: string): string {
  return publishedName(name) === name ? moduleName(name) : publishedName(name);
}

for (const family of FAMILIES) {
  describe(`a checkpoint of ${family}`, () => {
    it('with either layout of names is one model, and is saved in the layout that was read', () => {
      const [published, renamed] = [
        fixtureFolder(family),
        changed(family, 'renamed', (tensors) =>
          tensors.map((tensor) => ({ ...tensor, name: nameInOtherLayout(tensor.name) })),
        ),
      ];
      const [a, b] = [loadModel(published), loadModel(renamed)];
      assert.deepEqual(Object.keys(a.parameters).sort(), Object.keys(b.parameters).sort());
      for (const [name, tensor] of Object.entries(a.parameters))
        assert.deepEqual(widen(b.parameters[name]!).dataSync(), widen(tensor).dataSync(), name);
      for (const [model, source] of [
        [a, published],
        [b, renamed],
      ] as const) {
        const copy = path.join(folder, 'saved');
        saveModel(model, copy);
        assert.deepEqual(namesOf(copy), namesOf(source));
        for (const file of ['config.json', 'generation_config.json'])
          assert.deepEqual(
            JSON.parse(readFileSync(path.join(copy, file), 'utf8')),
            JSON.parse(readFileSync(path.join(source, file), 'utf8')),
          );
        disposeModel(model);
      }
    });
  });
}

describe('a head that is tied to the embedding, but stored', () => {
  const withHead = (name: string, change: (x: number, i: number) => number) =>
    changed('qwen2-vl', name, (tensors) => {
      const table = tensors.find((tensor) => tensor.name === 'model.embed_tokens.weight')!;
      return [{ name: 'lm_head.weight', shape: table.shape, data: table.data.map(change) }, ...tensors];
    });
  it('is left out where it is a copy', () => {
    const model = loadModel(withHead('copy', (x) => x));
    assert.equal('lm_head.weight' in model.parameters, false);
    disposeModel(model);
  });
  it('is refused where it differs in a single number', () => {
    const differs = withHead('other', (x, i) => (i === 77 ? x + 1e-3 : x));
    assert.throws(() => loadModel(differs), /ties the head to the embedding .* set tie_word_embeddings to false/);
  });
  it('is a missing tensor where it is not tied', () => {
    const lacking = changed('qwen2.5-vl', 'headless', (tensors) =>
      tensors.filter(({ name }) => name !== 'lm_head.weight'),
    );
    assert.throws(() => loadModel(lacking), /lacks 1 tensors of the model, among them 'lm_head\.weight'/);
  });
});
