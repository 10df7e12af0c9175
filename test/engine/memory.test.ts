/** Peak memory: what is allocated is seen, and a reset begins at what is there. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';

test('200 MB written are in the peak; after a reset it is what is resident', (context) => {
  if (!existsSync('/proc/self/clear_refs')) return context.skip('only Linux resets the peak');
  resetPeakMemory();
  const before = peakMemory();
  const written = Buffer.alloc(200 * 2 ** 20, 1).fill(2);
  const grown = peakMemory();
  assert.ok(grown > before + 150, `${grown} MB after ${before} MB`);
  // A new measurement begins at what is resident now.
  resetPeakMemory();
  const resident = process.memoryUsage().rss / 2 ** 20;
  assert.ok(Math.abs(peakMemory() - resident) < 20, `a peak of ${peakMemory()} MB, with ${resident} MB resident`);
  // Read at the end, so that nothing has freed it in between.
  assert.equal(written.at(-1), 2);
});
