import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PUBLISHED, stepOperations } from '../../lib/bench/footprint.js';
import { footprintTable } from '../../lib/bench/footprint-table.js';

test('a line for each model and step, with the time at each speed', () => {
  const text = footprintTable({ slow: 1e12, fast: 1e15 })['text/plain'] as string;
  const lines = text.split('\n');
  // Two models, SFT and GRPO, adapters and all weights.
  assert.equal(lines.length, 1 + 2 * 2 * 2);
  assert.match(lines[0]!, /peak, GB +TFLOP +slow +fast$/);
  const work = { promptTokens: 384, patches: 1024, completionTokens: 256, prompts: 16, promptsPerMicroBatch: 1 };
  const options = { completions: 1, freezeVision: true, samples: false, gradientCheckpointing: true, loraRank: 16 };
  const operations = stepOperations(PUBLISHED['Qwen2-VL-2B']!, { ...work, ...options });
  // 113 x 10^12 operations: 113 s, which is 2 min, and 0.11 s.
  assert.equal((operations / 1e12).toFixed(0), '113');
  assert.match(lines[1]!, /^Qwen2-VL-2B +SFT, LoRA of rank 16 .* 113 +2 min +0\.11 s$/);
});
