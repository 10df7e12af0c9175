import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasoningStepsReward } from '../../lib/rewards/reasoning-steps.js';

test('a third for each step marker, at most 1', () => {
  assert.equal(reasoningStepsReward({ completion: 'no steps' }), 0);
  assert.equal(reasoningStepsReward({ completion: 'First, count.' }), 1 / 3);
  assert.equal(reasoningStepsReward({ completion: '1. count\n- subtract' }), 2 / 3);
  assert.equal(reasoningStepsReward({ completion: 'Step 1: a Step 2: b Step 30: c' }), 1);
  assert.equal(reasoningStepsReward({ completion: '\n-'.repeat(100) }), 1);
});
