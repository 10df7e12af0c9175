/** Packed weights in a compiled step: they are widened one at a time. That they give float32's numbers: `held-weights.test.ts`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

/** Megabytes by which the step grows its process. */
function growthOfStep(what: 'forward' | 'gradient'): number {
  const program = path.join(__dirname, '..', 'support', 'memory-of-widening.ts');
  const args = ['--import', 'tsx', program, what];
  return Number(execFileSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] }));
}

test('a step through twelve packed weights, forward and backward, holds one or two of them in float32 at a time', {
  skip: process.platform !== 'linux',
}, () => {
  const grown = growthOfStep('gradient');
  // 2880 x 2880 x 4 bytes are 32 MB. All at once would be 380 MB, and so would those that the backward pass had kept.
  assert.ok(grown > 30 && grown < 100, `${grown} MB`);
});

test('forward with four rows it widens blocks of 4 MB, and holds no weight in float32', {
  skip: process.platform !== 'linux',
}, () => {
  const grown = growthOfStep('forward');
  assert.ok(grown < 28, `${grown} MB`);
});
