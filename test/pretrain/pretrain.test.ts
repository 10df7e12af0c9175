import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phaseAt } from '../../lib/pretrain/pretrain.js';

test('pretraining: a step belongs to the phase that it falls into, counted on from the one before', () => {
  const schedule = { learningRate: 1, warmupSteps: 0, decay: 'constant' } as const;
  const phases = [
    { steps: 3, schedule },
    { steps: 2, schedule },
  ];
  // Steps 0, 1, 2 are the first phase's, 3 and 4 the second's.
  assert.deepEqual(
    [0, 2, 3, 4].map((step) => [phases.indexOf(phaseAt(phases, step).phase), phaseAt(phases, step).first]),
    [
      [0, 0],
      [0, 0],
      [1, 3],
      [1, 3],
    ],
  );
  assert.throws(() => phaseAt(phases, 5), /step 5 lies behind the last phase, which ends before step 5/);
});
