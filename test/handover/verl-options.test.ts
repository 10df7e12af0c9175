/** Our settings in verl's words: each translated or refused by name, and the tables of lib/handover/verl/README.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusedSettings } from '../../lib/handover/translation.js';
import { GRPO_TRANSLATIONS, grpoOptions } from '../../lib/handover/verl/grpo-options.js';
import { LORA_TRANSLATIONS, loraOptions } from '../../lib/handover/verl/lora-options.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import type { GrpoSettings } from '../../lib/train/grpo-settings.js';
import { LOSS_TYPES } from '../../lib/train/policy-loss.js';
import type { SettingsChanges } from '../../lib/train/settings.js';
import { checkTables, handedExperiment, refusalOf } from '../support/handed-experiment.js';

const experiment = handedExperiment({ decay: 'cosine' });
const optionsOf = (...args: Parameters<typeof experiment>) => grpoOptions(experiment(...args)).options;
const ACTOR = 'actor_rollout_ref.actor';
const ROLLOUT = 'actor_rollout_ref.rollout';

test("the paper's settings in verl's words", () => {
  const options = optionsOf();
  const expected = {
    ...{ 'trainer.total_training_steps': 10, 'data.train_batch_size': 4, [`${ROLLOUT}.n`]: 8 },
    // 32 rows are 8 steps of 4: 2 passes, and one to spare.
    'trainer.total_epochs': 3,
    ...{ 'data.max_response_length': 512, [`${ROLLOUT}.temperature`]: 0.9, [`${ROLLOUT}.top_p`]: 0.9 },
    ...{ [`${ROLLOUT}.top_k`]: 50, [`${ACTOR}.optim.lr`]: 1e-6, [`${ACTOR}.optim.lr_scheduler_type`]: 'cosine' },
    ...{ [`${ACTOR}.optim.weight_decay`]: 0, [`${ACTOR}.optim.clip_grad`]: 1, [`${ACTOR}.ppo_epochs`]: 1 },
    ...{ [`${ACTOR}.use_kl_loss`]: true, [`${ACTOR}.kl_loss_coef`]: 0.04, [`${ACTOR}.kl_loss_type`]: 'low_var_kl' },
    ...{ [`${ACTOR}.clip_ratio_low`]: 0.2, [`${ACTOR}.clip_ratio_high`]: 0.2, [`${ACTOR}.ppo_mini_batch_size`]: 4 },
    ...{ 'algorithm.adv_estimator': 'grpo', 'algorithm.norm_adv_by_std_in_grpo': true, 'data.seed': 42 },
    'algorithm.filter_groups.enable': false,
    'reward.num_workers': 1,
    'trainer.test_freq': -1,
  };
  assert.deepEqual({ ...options, ...expected }, options);
});

test("every loss is verl's own form of it, or refused", () => {
  const expected = {
    grpo: ['vanilla', 'seq-mean-token-mean', null],
    bnpo: ['vanilla', 'token-mean', null],
    dr_grpo: ['vanilla', 'seq-mean-token-sum-norm', 512],
    dapo: ['vanilla', 'token-mean', null],
    cispo: ['cispo', 'token-mean', null],
    sapo: ['sapo', 'seq-mean-token-mean', null],
    gspo: ['gspo', 'seq-mean-token-mean', null],
    luspo: ['gspo', 'seq-mean-token-sum', null],
    vespo: undefined,
  };
  for (const lossType of LOSS_TYPES) {
    const changes = { lossType, ...(lossType === 'cispo' ? { epsilonHigh: 5 } : {}) };
    if (expected[lossType] === undefined) {
      assert.throws(() => optionsOf(changes), RefusedSettings);
      continue;
    }
    const options = optionsOf(changes);
    const names = ['policy_loss.loss_mode', 'loss_agg_mode', 'loss_scale_factor'];
    assert.deepEqual(
      names.map((name) => options[`${ACTOR}.${name}`]),
      expected[lossType],
    );
  }
  assert.equal(optionsOf({ ratioLevel: 'sequence' })[`${ACTOR}.policy_loss.loss_mode`], 'gspo');
});

test('values that have another name or another off in verl', () => {
  // verl clips the ratio of cispo between 1 - low and 1 + high: from 0, which is no bound, to ours.
  const cispo = optionsOf({ lossType: 'cispo', epsilonHigh: 5 });
  assert.deepEqual([cispo[`${ACTOR}.clip_ratio_low`], cispo[`${ACTOR}.clip_ratio_high`]], [1, 4]);
  // Dual clipping cannot be turned off; verl bounds log-ratios at 20 itself, and exp(20) is 485 million.
  assert.ok((optionsOf()[`${ACTOR}.clip_ratio_c`] as number) > Math.exp(20));
  assert.equal(optionsOf({ delta: 4 })[`${ACTOR}.clip_ratio_c`], 4);
  assert.equal(optionsOf({ topK: 0 })[`${ROLLOUT}.top_k`], -1);
  assert.equal(optionsOf({ scaling: 'none' })['algorithm.norm_adv_by_std_in_grpo'], false);
  assert.equal(optionsOf({ miniBatches: 2 })[`${ACTOR}.ppo_mini_batch_size`], 2);
  assert.equal(optionsOf({ beta: 0, unbiasedKl: true })[`${ACTOR}.use_kl_loss`], false);
  assert.equal(optionsOf({ lossType: 'dapo', entropyBonus: 0.01 })[`${ACTOR}.entropy_coeff`], 0.01);
  const dynamic = grpoOptions(experiment({ resamplingRounds: 2 }));
  assert.equal(dynamic.options['algorithm.filter_groups.enable'], true);
  assert.match(dynamic.notes.resamplingRounds!, /waits for ever/);
  const exact = optionsOf({}, { precision: 'float32' });
  assert.deepEqual(
    [exact[`${ROLLOUT}.dtype`], exact['actor_rollout_ref.model.use_remove_padding']],
    ['float32', false],
  );
});

test('what verl cannot do is refused by name, all of it at once, with what to do', () => {
  const cases: [changes: SettingsChanges<GrpoSettings>, message: RegExp][] = [
    [{ temperatureInLoss: false }, /grpo: temperatureInLoss false: .*--temperatureInLoss true, or --temperature 1/],
    [{ schedule: { decay: 'linear' } }, /grpo: schedule .*--schedule.decay cosine or --schedule.decay constant/],
    [{ minP: 0.1 }, /grpo: minP 0.1: .*--minP 0/],
    [{ unbiasedKl: true }, /grpo: unbiasedKl true: .*--unbiasedKl false/],
    [{ lossType: 'vespo' }, /grpo: lossType "vespo": .*TRL/],
    [{ lossType: 'dapo', miniBatches: 2 }, /grpo: lossType "dapo": .*--miniBatches 1, or --lossType bnpo/],
    [{ lossType: 'sapo', ratioLevel: 'sequence' }, /grpo: ratioLevel "sequence": .*--ratioLevel token/],
    [{ lossType: 'gspo', delta: 4 }, /grpo: delta 4: .*--delta 0/],
    [{ offPolicyThreshold: 1 }, /grpo: offPolicyThreshold 1: .*--offPolicyThreshold 0/],
    [{ scaling: 'batch' }, /grpo: scaling "batch": .*--scaling group or --scaling none/],
    [{ aggregation: 'normalize_then_sum' }, /grpo: aggregation .*--aggregation sum_then_normalize/],
    [{ maskTruncated: true }, /grpo: maskTruncated true: .*--maskTruncated false/],
    [{ topEntropyShare: 0.2 }, /grpo: topEntropyShare 0.2: .*--topEntropyShare 1/],
    [{ entropyBonus: 0.1 }, /grpo: entropyBonus 0.1: .*with grpo that is not the mean over tokens/],
    [{ referenceRefreshEvery: 2 }, /grpo: referenceRefreshEvery 2: .*--referenceRefreshEvery 0/],
    [{ freezeVision: true }, /grpo: freezeVision true: .*--freezeVision false, or adapters/],
    [{ promptsPerStep: 33 }, /grpo: promptsPerStep 33: .*needs 33 rows or more, and there are 32/],
    [{ promptsPerStep: 32, completions: 32 }, /grpo: promptsPerStep 32: .*hold 1000 completions, not 1024/],
    [{ seed: -1 }, /grpo: seed -1: NumPy/],
  ];
  for (const [changes, message] of cases)
    assert.match(
      refusalOf(() => optionsOf(changes)),
      message,
    );
  assert.equal(refusalOf(() => optionsOf({ minP: 0.1, maskTruncated: true })).split('\n').length, 3);
});

test('adapters: the scale of rank-stabilized ones in a whole number, and none for the tower', () => {
  const { options } = loraOptions({ ...LORA_DEFAULTS, rankStabilized: true });
  // 32 x sqrt(16), as verl divides by 16 and not by 4.
  assert.equal(options['actor_rollout_ref.model.lora_alpha'], 128);
  assert.equal(options['actor_rollout_ref.model.exclude_modules'], '.*visual.*');
  assert.match(
    refusalOf(() => loraOptions({ ...LORA_DEFAULTS, rank: 8, rankStabilized: true })),
    /lora: alpha 32: verl takes a whole number for alpha, and this is 90\.5/,
  );
  const lora = { ...LORA_DEFAULTS };
  assert.match(
    refusalOf(() => optionsOf({}, { lora })),
    /grpo: freezeVision false: .*--freezeVision true/,
  );
  assert.ok(optionsOf({ freezeVision: true }, { lora }));
});

test('the tables of lib/handover/verl/README.md have every setting', () => {
  checkTables('verl', { GRPO: GRPO_TRANSLATIONS, adapters: LORA_TRANSLATIONS });
});
