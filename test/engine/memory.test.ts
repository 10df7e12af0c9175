/** Peak memory: what is allocated and freed in between is seen, and forgotten after a reset. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';

test('200 MB written between two resets: in the peak of the first stretch, not of the second', (context) => {
  if (!existsSync('/proc/self/clear_refs')) return context.skip('only Linux resets the peak');
  resetPeakMemory();
  const before = peakMemory();
  Buffer.alloc(200 * 2 ** 20, 1).fill(2);
  const grown = peakMemory();
  assert.ok(grown > before + 150, `${grown} MB after ${before} MB`);
  global.gc?.();
  resetPeakMemory();
  assert.ok(peakMemory() <= grown);
});
