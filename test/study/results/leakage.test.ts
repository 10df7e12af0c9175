import assert from 'node:assert/strict';
import test from 'node:test';
import { refuseLeakage, sharedScenes } from '../../../lib/study/results/leakage.js';

test('scenes shared by each pair of sets, each scene counted once', () => {
  const shared = sharedScenes({ train: ['a', 'b', 'b', 'c'], test: ['b', 'x'], pretraining: ['c', 'a'] });
  assert.deepEqual(shared, [
    { first: 'train', second: 'test', shared: 1 },
    { first: 'train', second: 'pretraining', shared: 2 },
    { first: 'test', second: 'pretraining', shared: 0 },
  ]);
});

test('only what a test set shares is refused, and named', () => {
  const shared = sharedScenes({ train: ['a', 'b'], test: ['b'], pretraining: ['a'] });
  assert.throws(() => refuseLeakage(shared, ['test']), /train and test share 1$/);
  refuseLeakage(sharedScenes({ train: ['a'], test: ['b'], pretraining: ['a'] }), ['test']);
});
