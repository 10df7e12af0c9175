/** Packed weights in a compiled step: they are widened one at a time. That they give float32's numbers: `held-weights.test.ts`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

test('a step through twelve packed weights, forward and backward, holds one or two of them in float32 at a time', {
  skip: process.platform !== 'linux',
}, () => {
  const program = path.join(__dirname, '..', 'support', 'memory-of-widening.ts');
  const output = execFileSync(process.execPath, ['--import', 'tsx', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  // 2880 x 2880 x 4 bytes are 32 MB. All at once would be 380 MB, and so would those that the backward pass had kept.
  assert.ok(Number(output) > 30 && Number(output) < 100, `${output} MB`);
});
