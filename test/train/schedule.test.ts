import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSchedule, learningRateAt } from '../../lib/train/schedule.js';

const base = { learningRate: 1, warmupSteps: 4 };

test('warm-up rises linearly from 0: step 1 of 4 has a quarter', () => {
  assert.equal(learningRateAt({ ...base, decay: 'linear' }, 0, 12), 0);
  assert.equal(learningRateAt({ ...base, decay: 'linear' }, 1, 12), 0.25);
});

test('half-way between warm-up and end: linear and cosine at one half, constant at one', () => {
  assert.equal(learningRateAt({ ...base, decay: 'linear' }, 8, 12), 0.5);
  assert.ok(Math.abs(learningRateAt({ ...base, decay: 'cosine' }, 8, 12) - 0.5) < 1e-12);
  assert.equal(learningRateAt({ ...base, decay: 'constant' }, 8, 12), 1);
});

test('a quarter of the way down, cosine is at (1 + cos 45 degrees) / 2', () => {
  assert.ok(Math.abs(learningRateAt({ ...base, decay: 'cosine' }, 6, 12) - (1 + Math.SQRT1_2) / 2) < 1e-12);
});

test('an impossible schedule is named', () => {
  assert.throws(() => checkSchedule({ ...base, learningRate: 0, decay: 'linear' }), /learningRate/);
  assert.throws(() => checkSchedule({ ...base, warmupSteps: -1, decay: 'linear' }), /warmupSteps/);
  assert.throws(
    () => checkSchedule({ ...base, decay: 'never' as 'linear' }),
    /decay must be linear, cosine or constant/,
  );
});
