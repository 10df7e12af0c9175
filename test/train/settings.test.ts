/** Settings as a few changes of a whole set. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON_RFT_GRPO, TRL_GRPO } from '../../lib/train/grpo-settings.js';
import { grpoSettings, type SettingsChanges, sftSettings } from '../../lib/train/settings.js';
import { REASON_RFT_SFT, type SftSettings } from '../../lib/train/sft.js';

test('changes stand over the base, those of the schedule one by one, and the base stays as it is', () => {
  const settings = grpoSettings({ steps: 60, beta: 0, schedule: { learningRate: 1e-4 } });
  assert.deepEqual(settings, {
    ...REASON_RFT_GRPO,
    steps: 60,
    beta: 0,
    schedule: { learningRate: 1e-4, warmupSteps: 0, decay: 'linear' },
  });
  settings.schedule.learningRate = 1;
  assert.equal(grpoSettings({ steps: 1 }).schedule.learningRate, 1e-6);
  assert.equal(grpoSettings({ steps: 1 }, TRL_GRPO).lossType, 'dapo');
  assert.equal(sftSettings({ epochs: 2 }).schedule.warmupSteps, REASON_RFT_SFT.schedule.warmupSteps);
});

test('a name in the wrong place, a missing one and an impossible value are refused', () => {
  const misplaced = { learningRate: 1e-3 } as SettingsChanges<SftSettings>;
  assert.throws(() => sftSettings(misplaced), /there is no setting 'learningRate'/);
  assert.throws(() => grpoSettings({ beta: 0 }), /'steps' is missing/);
  assert.throws(() => grpoSettings({ steps: 60, completions: 1 }), /completions must be 2 or more/);
  const slip = { schedule: { learningrate: 1 } } as unknown as SettingsChanges<SftSettings>;
  assert.throws(() => sftSettings(slip), /did you mean 'learningRate'/);
});
