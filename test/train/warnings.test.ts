import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Metrics } from '../../lib/train/metrics.js';
import { trainingWarnings } from '../../lib/train/warnings.js';

const healthy: Metrics = {
  loss: 0.1,
  kl: 0.01,
  reward: 1,
  frac_reward_zero_std: 0.2,
  'completions/clipped_ratio': 0.1,
  'rewards/format_reward/mean': 0.5,
};

/** The kinds that the newest of these steps gives rise to. */
const kinds = (history: Metrics[]) => trainingWarnings(history).map(({ kind }) => kind);

test('a healthy step warns of nothing', () => assert.deepEqual(kinds([healthy]), []));

test('more than 20 % cut, more than 50 % dead, KL above 0.5: at the bound not yet, above it at once', () => {
  const at = { ...healthy, 'completions/clipped_ratio': 0.2, frac_reward_zero_std: 0.5, kl: 0.5 };
  assert.deepEqual(kinds([at]), []);
  assert.deepEqual(kinds([{ ...healthy, 'completions/clipped_ratio': 0.21 }]), ['truncation']);
  assert.deepEqual(kinds([{ ...healthy, frac_reward_zero_std: 0.51 }]), ['dead-groups']);
  assert.deepEqual(kinds([{ ...healthy, kl: 0.51 }]), ['kl']);
});

test('a run of no more steps than its warm-up warns at its first step alone, with both numbers', () => {
  const schedule = { learningRate: 1e-5, warmupSteps: 100, decay: 'cosine' } as const;
  const kindsOf = (steps: number, history: Metrics[]) =>
    trainingWarnings(history, { steps, schedule }).map(({ kind }) => kind);
  assert.deepEqual(kindsOf(101, [healthy]), []);
  assert.deepEqual(kindsOf(100, [healthy]), ['warm-up']);
  assert.deepEqual(kindsOf(100, [healthy, healthy]), []);
  const [warning] = trainingWarnings([healthy], { steps: 30, schedule });
  assert.match(
    warning!.message,
    /rises towards 0.00001 over 100 steps, and the run has 30. Lower schedule.warmupSteps/,
  );
});

test('a format reward of 0 warns after 20 steps in a row, not after 19', () => {
  const silent = Array.from({ length: 20 }, () => ({ ...healthy, 'rewards/format_reward/mean': 0 }));
  assert.deepEqual(kinds(silent.slice(0, 19)), []);
  assert.deepEqual(kinds(silent), ['format']);
  assert.deepEqual(kinds([...silent.slice(0, 10), healthy, ...silent.slice(0, 10)]), []);
});

test('a loss near 0 is explained once, as a note', () => {
  const step = { ...healthy, loss: 1e-4 };
  const [note] = trainingWarnings([step]);
  assert.equal(note!.level, 'note');
  assert.match(note!.message, /Watch the reward, not the loss/);
  assert.deepEqual(kinds(Array.from({ length: 200 }, () => step)), []);
});

test('a warning is not repeated within 50 steps, and is after', () => {
  const cut = { ...healthy, 'completions/clipped_ratio': 0.9 };
  const quiet = (steps: number) => Array.from({ length: steps }, () => healthy);
  assert.deepEqual(kinds([cut, ...quiet(49), cut]), []);
  assert.deepEqual(kinds([cut, ...quiet(50), cut]), ['truncation']);
});

test('each warning names the remedy', () => {
  const bad: Metrics = { ...healthy, 'completions/clipped_ratio': 0.97, frac_reward_zero_std: 1, kl: 2 };
  const text = trainingWarnings([bad]).map(({ message }) => message);
  assert.equal(text.length, 3);
  assert.match(text[0]!, /97 % of completions.*Raise maxNewTokens/);
  assert.match(text[1]!, /100 % of groups.*resamplingRounds/);
  assert.match(text[2]!, /2\.00 nats.*Lower the learning rate/);
});
