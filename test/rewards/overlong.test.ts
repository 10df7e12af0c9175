import assert from 'node:assert/strict';
import { test } from 'node:test';
import { softOverlong } from '../../lib/rewards/overlong.js';

test('a limit of 100 and a buffer of 20: nothing up to 80, half at 90, all of it at 100 and beyond', () => {
  assert.deepEqual(
    [1, 80, 85, 90, 100, 101].map((tokens) => softOverlong(tokens, 100, 20)),
    [0, 0, -0.25, -0.5, -1, -1],
  );
});

test('without a buffer only what is beyond the limit is punished', () => {
  assert.deepEqual(
    [100, 101].map((tokens) => softOverlong(tokens, 100, 0)),
    [0, -1],
  );
});

test('a buffer beyond the limit is refused', () => {
  for (const [longest, buffer] of [
    [100, 101],
    [100, -1],
    [0, 0],
  ] as const)
    assert.throws(() => softOverlong(1, longest, buffer), /the buffer must lie between 0 and the limit/);
});
