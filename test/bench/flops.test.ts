import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingOperations } from '../../lib/bench/flops.js';
import { TINY_CONFIG } from '../support/tiny-model.js';

test('operations of a step of the tiny model, term by term', () => {
  // Decoder weights a layer: q 16x16, k and v 8x16 each, o 16x16, three of 24x16: 256 + 256 + 256 + 1152 = 1920; two layers.
  const decoder = 6 * 2 * 1920 * (3 * 10);
  const head = 6 * 32 * 16 * 12;
  const attention = 12 * 16 * 2 * 3 * 10 ** 2;
  // Vision: patches of 24 numbers to 16, qkv 48x16, proj 16x16, mlp 32x16 and 16x32; merger 64x64 and 16x64 a window of 4.
  const tower = 6 * (24 * 16 + 768 + 256 + 512 + 512) * (2 * 16);
  const merger = (6 * (64 * 64 + 16 * 64) * (2 * 16)) / 4;
  const among = 12 * 16 * 1 * 2 * 16 ** 2;
  const operations = trainingOperations(TINY_CONFIG, { rows: 3, length: 10, predicted: 12, images: 2, patches: 16 });
  assert.equal(operations, decoder + head + attention + tower + merger + among);
});
