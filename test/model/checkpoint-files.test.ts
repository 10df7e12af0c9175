/** The weights of a checkpoint folder, in one file and in shards. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { readCheckpointTensors, writeCheckpointTensors } from '../../lib/model/checkpoint-files.js';
import { writeSafetensors } from '../../lib/model/safetensors.js';

const folder = mkdtempSync(path.join(tmpdir(), 'checkpoint-files-'));
after(() => rmSync(folder, { recursive: true }));

describe('readCheckpointTensors', () => {
  const one = (name: string) => ({ name, shape: [1], data: Float32Array.from([1]) });
  const index = (map: unknown) =>
    writeFileSync(path.join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  const names = () => [...readCheckpointTensors(folder)].map((tensor) => tensor.name);
  it('reads shards by the index, and says which is missing or does not match', (context) => {
    const warn = context.mock.method(console, 'warn', () => {});
    assert.throws(names, /holds no model\.safetensors/);
    writeSafetensors(path.join(folder, 'model-1.safetensors'), [one('a'), one('b')]);
    index({ a: 'model-1.safetensors', b: 'model-1.safetensors', c: 'model-2.safetensors' });
    assert.throws(names, /lists model-2\.safetensors, which is missing/);
    writeSafetensors(path.join(folder, 'model-2.safetensors'), [one('c')]);
    assert.deepEqual(names(), ['a', 'b', 'c']);
    index({ a: 'model-1.safetensors', c: 'model-2.safetensors' });
    // What a shard holds and the index does not place there is left out, of whichever type it is.
    assert.deepEqual(names(), ['a', 'c']);
    assert.equal(warn.mock.callCount(), 1);
    assert.match(
      String(warn.mock.calls[0]!.arguments[0]),
      /model-1\.safetensors: model\.safetensors\.index\.json does not place b there; left out/,
    );
    index({ a: 'model-1.safetensors', b: 'model-1.safetensors', d: 'model-1.safetensors' });
    assert.throws(names, /model-1\.safetensors lacks 'd'/);
    index({ a: '../outside.safetensors' });
    assert.throws(names, /is not a \.safetensors file of this folder/);
  });
});

describe('writeCheckpointTensors', () => {
  // 16, 24 and 8 bytes as float32.
  const tensors = [
    { name: 'a', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    { name: 'b', shape: [6], data: Float32Array.of(5, 6, 7, 8, 9, 10) },
    { name: 'c', shape: [2], data: Float32Array.of(11, 12) },
  ];
  const cut = (shardBytes: number, dtype: 'F32' | 'BF16' = 'F32') => {
    const target = mkdtempSync(path.join(folder, 'shards-'));
    writeCheckpointTensors(target, tensors, { shardBytes, dtype });
    const back = new Map<string, number[]>();
    for (const { name, pieces } of readCheckpointTensors(target))
      for (const piece of pieces()) back.set(name, [...piece]);
    for (const { name, data } of tensors) assert.deepEqual(back.get(name), [...data]);
    return { target, files: readdirSync(target).sort() };
  };
  it('writes one file up to the limit, and numbered shards with an index above it', () => {
    assert.deepEqual(cut(48).files, ['model.safetensors']);
    // In bfloat16 all is half as large.
    assert.deepEqual(cut(24, 'BF16').files, ['model.safetensors']);
    const { target, files } = cut(40);
    assert.deepEqual(files, [
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    assert.deepEqual(JSON.parse(readFileSync(path.join(target, 'model.safetensors.index.json'), 'utf8')), {
      metadata: { total_size: 48 },
      weight_map: {
        a: 'model-00001-of-00002.safetensors',
        b: 'model-00001-of-00002.safetensors',
        c: 'model-00002-of-00002.safetensors',
      },
    });
  });
  it('gives a tensor larger than the limit a file of its own', () => {
    assert.equal(cut(20).files.length, 4);
  });
});
