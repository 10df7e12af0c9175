/** The number of parameters of the published models. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../../lib/model/configuration.js';
import { countParameters } from '../../lib/model/parameters.js';

/** What the published `config.json` of all four say alike. */
const SHARED = {
  hidden_act: 'silu',
  image_token_id: 151655,
  video_token_id: 151656,
  vision_start_token_id: 151652,
  vision_end_token_id: 151653,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
  use_sliding_window: false,
};
const TOWER = { depth: 32, num_heads: 16, in_chans: 3, patch_size: 14, spatial_merge_size: 2, temporal_patch_size: 2 };
const OF_2B = { hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12 };
const OF_3B = { hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36, num_attention_heads: 16 };
const OF_7B = { hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, num_attention_heads: 28 };
const SMALL = { num_key_value_heads: 2, vocab_size: 151936, tie_word_embeddings: true };
const LARGE = { num_key_value_heads: 4, vocab_size: 152064, tie_word_embeddings: false };

const first = (hidden_size: number) => ({
  model_type: 'qwen2_vl',
  vision_config: { ...TOWER, embed_dim: 1280, mlp_ratio: 4, hidden_size },
});
const second = (out_hidden_size: number) => ({
  model_type: 'qwen2_5_vl',
  vision_config: {
    ...{ ...TOWER, hidden_act: 'silu', hidden_size: 1280, intermediate_size: 3420, out_hidden_size },
    ...{ window_size: 112, fullatt_block_indexes: [7, 15, 23, 31], tokens_per_second: 2 },
  },
});

describe('countParameters', () => {
  // The hub's counts of the published safetensors files.
  for (const [name, config, count] of [
    ['Qwen2-VL-2B', { ...OF_2B, ...SMALL, ...first(1536) }, 2_208_985_600],
    ['Qwen2-VL-7B', { ...OF_7B, ...LARGE, ...first(3584) }, 8_291_375_616],
    ['Qwen2.5-VL-3B', { ...OF_3B, ...SMALL, ...second(2048) }, 3_754_622_976],
    ['Qwen2.5-VL-7B', { ...OF_7B, ...LARGE, ...second(3584) }, 8_292_166_656],
  ] as const) {
    it(`${name} has ${count.toLocaleString('en')} of them`, () => {
      assert.equal(countParameters(parseConfig({ ...SHARED, ...config })), count);
    });
  }
});
