/** `config.json` in all of its layouts, and the errors of wrong ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseConfig } from '../../lib/model/configuration.js';
import { FAMILIES, fixtureFolder } from '../support/parity-fixture.js';
import { TINY_CONFIG_FILE } from '../support/tiny-model.js';

type Json = { [field: string]: unknown };

const read = (family: (typeof FAMILIES)[number], name: string): Json =>
  JSON.parse(readFileSync(path.join(fixtureFolder(family), name), 'utf8'));

describe('parseConfig', () => {
  for (const family of FAMILIES) {
    it(`${family}: the published layout, transformers' of 5.0 and that of 4.52 say the same`, () => {
      const [nested, published] = [read(family, 'config.json'), read(family, 'config.published.json')];
      // Qwen3-VL's published files have 4.57's layout, which is nested too.
      assert.ok('text_config' in nested && 'text_config' in published === (family === 'qwen3-vl'));
      const config = parseConfig(nested);
      assert.deepEqual(parseConfig(published), config);
      // 4.52 has `rope_theta` and `rope_scaling` in `text_config`, and may tie there alone.
      const { rope_parameters, ...text } = nested.text_config as { rope_parameters: Json };
      const { rope_theta, ...rest } = rope_parameters;
      const rope = { rope_theta, rope_scaling: { ...rest, type: 'default', rope_type: 'default' } };
      const text_config = { ...text, ...rope, tie_word_embeddings: config.tieWordEmbeddings };
      assert.deepEqual(parseConfig({ ...nested, text_config, tie_word_embeddings: false }), config);
      // And it may hold copies: old ones of the decoder's fields at the top, nulls of the whole model's in `text_config`.
      const copies = { vocab_size: 7, hidden_size: 8, rope_theta: 9, rope_scaling: null };
      const nulls = { ...text_config, image_token_id: null, vision_end_token_id: null };
      assert.deepEqual(parseConfig({ ...nested, ...copies, text_config: nulls }), config);
    });
  }

  it('Qwen2.5-VL’s windows are counted in patches, in whole merged ones', () => {
    const file = read('qwen2.5-vl', 'config.published.json');
    const windowsOf = (window_size: number) =>
      parseConfig({ ...file, vision_config: { ...(file.vision_config as Json), window_size } }).vision.windows;
    // floor(16 / 2 / 4) = 2 merged patches of 2 x 2, and floor(31 / 8) = 3.
    assert.deepEqual(windowsOf(16), { side: 4, wholeBlocks: [1] });
    assert.equal(windowsOf(31)?.side, 6);
    assert.throws(() => windowsOf(7), /vision_config\.window_size: must be at least patch_size x spatial_merge_size/);
  });

  it('a file that holds only what differs has the values of transformers’ classes for the rest', () => {
    // As transformers 4.49 writes the tower of a checkpoint that was trained on; the values are those of its classes.
    const short = (family: 'qwen2-vl' | 'qwen2.5-vl', change: Json, vision_config: unknown) => {
      const { vision_config: _, ...file } = read(family, 'config.published.json');
      return parseConfig({ ...file, ...change, vision_config });
    };
    const heads = { hidden_size: 3584, num_attention_heads: 448, num_key_value_heads: 448 };
    const first = short('qwen2-vl', {}, { hidden_size: 16, in_chans: 3, model_type: 'qwen2_vl' }).vision;
    const sizes = ({ layers, embedSize, mlpSize, heads, patchSize, temporalPatchSize, mergeSize }: typeof first) => [
      ...[layers, embedSize, mlpSize, heads, patchSize, temporalPatchSize, mergeSize],
    ];
    assert.deepEqual(sizes(first), [32, 1280, 5120, 16, 14, 2, 2]);
    const second = short('qwen2.5-vl', {}, { hidden_size: 1280, out_hidden_size: 16 }).vision;
    assert.deepEqual(sizes(second), [32, 1280, 3420, 16, 14, 2, 2]);
    // floor(112 / 2 / 14) = 4 merged patches of 2 x 2.
    assert.deepEqual(second.windows, { side: 8, wholeBlocks: [7, 15, 23, 31] });
    assert.equal(short('qwen2-vl', heads, null).vision.outputSize, 3584);
    // The decoder's fields and the tokens, of which newer releases write as little.
    const rope_scaling = { mrope_section: [16, 24, 24], type: 'mrope' };
    const decoder = parseConfig({ model_type: 'qwen2_vl', rope_scaling, vision_config: { hidden_size: 8192 } });
    const { hiddenSize, intermediateSize, layers, headSize, keyValueHeads, vocabSize, rmsNormEps, ropeTheta } = decoder;
    assert.deepEqual(
      [hiddenSize, intermediateSize, layers, headSize, keyValueHeads, vocabSize, rmsNormEps, ropeTheta],
      [8192, 29568, 80, 128, 8, 152064, 1e-5, 1e6],
    );
    assert.deepEqual(
      [decoder.imageTokenId, decoder.visionStartTokenId, decoder.visionEndTokenId],
      [151655, 151652, 151653],
    );
  });

  it('Qwen3-VL’s heads may be wider than hidden_size / heads; missing fields of the tower are transformers’ own', () => {
    const file = read('qwen3-vl', 'config.json');
    const config = parseConfig(file);
    assert.deepEqual([config.headSize, config.hiddenSize / config.heads], [16, 8]);
    const vision = (vision_config: Json) => parseConfig({ ...file, vision_config }).vision;
    const { layers, embedSize, mlpSize, heads, patchSize, positionGrid, deepStack } = vision({
      out_hidden_size: 16,
      deepstack_visual_indexes: [8, 16],
    });
    // 2304 positions are a grid of 48 x 48.
    const sizes = [layers, embedSize, mlpSize, heads, patchSize, positionGrid, ...deepStack];
    assert.deepEqual(sizes, [27, 1152, 4304, 16, 16, 48, 8, 16]);
    const ids = { image_token_id: 5, vision_start_token_id: 6, vision_end_token_id: 7 };
    const decoder = parseConfig({
      ...{ ...ids, model_type: 'qwen3_vl', vision_config: { out_hidden_size: 4096 } },
      text_config: { num_key_value_heads: 8, rope_parameters: { rope_theta: 5e6 } },
    });
    const { hiddenSize, intermediateSize, headSize, keyValueHeads, ropeTheta, mropeSection } = decoder;
    assert.deepEqual(
      [hiddenSize, intermediateSize, headSize, keyValueHeads, ropeTheta, mropeSection],
      [4096, 22016, 128, 8, 5e6, [24, 20, 20]],
    );
  });

  for (const family of FAMILIES)
    it(`${family}: refuses another base of the tower’s rotary positions than the one that is computed`, () => {
      const file = read(family, 'config.json');
      const vision_config = {
        ...(file.vision_config as Json),
        rope_parameters: { rope_theta: 5000, rope_type: 'axial' },
      };
      assert.throws(() => parseConfig({ ...file, vision_config }), /vision_config\.rope_parameters\.rope_theta/);
    });

  it('refuses what Qwen3-VL’s fields cannot mean', () => {
    const file = read('qwen3-vl', 'config.json');
    const text = file.text_config as { rope_parameters: Json };
    const tower = (change: Json) => () =>
      parseConfig({ ...file, vision_config: { ...(file.vision_config as Json), ...change } });
    const decoder = (change: Json) => () => parseConfig({ ...file, text_config: { ...text, ...change } });
    const rope = (change: Json) => decoder({ rope_parameters: { ...text.rope_parameters, ...change } });
    assert.throws(tower({ num_position_embeddings: 24 }), /num_position_embeddings: must be a square number/);
    assert.throws(
      tower({ deepstack_visual_indexes: [1, 0] }),
      /deepstack_visual_indexes: must be blocks .* in rising order/,
    );
    assert.throws(tower({ deepstack_visual_indexes: [3] }), /deepstack_visual_indexes: must be blocks .* depth - 1/);
    assert.throws(
      decoder({ num_hidden_layers: 1 }),
      /names 2 blocks, each of which needs a layer .* num_hidden_layers is 1/,
    );
    assert.throws(decoder({ attention_bias: true }), /attention_bias/);
    assert.throws(rope({ mrope_interleaved: false }), /mrope_interleaved/);
    assert.throws(rope({ mrope_section: [2, 3, 3] }), /mrope_section: \[2,3,3\] cannot be interleaved/);
    assert.throws(rope({ mrope_section: [4, 2, 1] }), /mrope_section: must sum to half the head size, 8/);
  });

  it('names the field that is wrong, or that asks for what the kit does not compute', () => {
    const attempt = (change: Json) => () => parseConfig({ ...TINY_CONFIG_FILE, ...change }, 'some/config.json');
    assert.throws(
      attempt({ model_type: 'llama' }),
      /some\/config\.json: model_type is "llama"; the kit reads qwen2_vl \(Qwen2-VL\), qwen2_5_vl \(Qwen2\.5-VL\) and qwen3_vl \(Qwen3-VL\)/,
    );
    assert.throws(attempt({ hidden_size: -1 }), /hidden_size/);
    assert.throws(attempt({ use_sliding_window: true }), /use_sliding_window/);
    assert.throws(attempt({ num_hidden_layers: 1e9 }), /num_hidden_layers: must be at most 1000/);
    assert.throws(attempt({ intermediate_size: 1e9 }), /intermediate_size: must be at most 1000000/);
    const yarn = { type: 'yarn', factor: 4, mrope_section: [1, 1, 2] };
    assert.throws(attempt({ rope_scaling: yarn }), /rope_scaling\.type/);
    assert.throws(attempt({ num_key_value_heads: 3 }), /num_key_value_heads: must divide num_attention_heads/);
    const second = read('qwen2.5-vl', 'config.published.json');
    const vision_config = { ...(second.vision_config as Json), out_hidden_size: 24 };
    assert.throws(() => parseConfig({ ...second, vision_config }), /out_hidden_size.* must equal hidden_size/);
  });
});
