/** Our settings in ms-swift's words: each translated or refused by name, and the tables of lib/handover/ms-swift/README.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Experiment } from '../../lib/handover/experiment.js';
import { GRPO_TRANSLATIONS, grpoOptions } from '../../lib/handover/ms-swift/grpo-options.js';
import { LORA_TRANSLATIONS, loraOptions } from '../../lib/handover/ms-swift/lora-options.js';
import { SFT_TRANSLATIONS, sftOptions } from '../../lib/handover/ms-swift/sft-options.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import type { GrpoSettings } from '../../lib/train/grpo-settings.js';
import { type SettingsChanges, sftSettings } from '../../lib/train/settings.js';
import { checkTables, handedExperiment, refusalOf } from '../support/handed-experiment.js';

const experiment = handedExperiment();
const optionsOf = (...args: Parameters<typeof experiment>) => grpoOptions(experiment(...args)).options;

test("the paper's settings in ms-swift's words", () => {
  const options = optionsOf();
  const expected = {
    ...{ rlhf_type: 'grpo', max_steps: 10, generation_batch_size: 4 * 8, num_generations: 8, seed: 42, data_seed: 42 },
    ...{ max_completion_length: 512, temperature: 0.9, top_p: 0.9, top_k: 50, min_p: 0, repetition_penalty: 1 },
    ...{ learning_rate: 1e-6, warmup_steps: 0, lr_scheduler_type: 'linear', weight_decay: 0, max_grad_norm: 1 },
    // Its own default of the second is 0.95.
    ...{ adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8 },
    ...{ beta: 0.04, kl_in_reward: false, loss_type: 'grpo', importance_sampling_level: 'token', delta: null },
    ...{ epsilon: 0.2, epsilon_high: 0.2, scale_rewards: 'group', advantage_estimator: 'grpo', num_iterations: 1 },
    ...{ reward_funcs: ['kit_accuracy_reward', 'kit_format_reward'], reward_weights: [2, 0.5] },
    // Its own default freezes the tower and its merger.
    ...{ freeze_llm: false, freeze_vit: false, freeze_aligner: false, dynamic_sample: false, sync_ref_model: false },
  };
  assert.deepEqual({ ...options, ...expected }, options);
});

test('values that have another name or another off in ms-swift', () => {
  const changes = { updatesPerRollout: 2, miniBatches: 2, referenceRefreshEvery: 2, schedule: { warmupSteps: 3 } };
  const { options, notes } = grpoOptions(experiment(changes));
  // ms-swift counts updates, and 2 passes of 2 mini-batches are 4 of a rollout.
  assert.deepEqual(
    [options.max_steps, options.warmup_steps, options.ref_model_sync_steps, options.save_steps],
    [40, 12, 8, 80],
  );
  assert.match(notes.schedule!, /the rate changes with each of the 4 updates/);
  const named = (name: string, changed: SettingsChanges<GrpoSettings>) => optionsOf(changed)[name];
  assert.equal(named('top_k', { topK: 0 }), -1);
  assert.equal(named('loss_type', { lossType: 'gspo' }), 'grpo');
  assert.equal(named('importance_sampling_level', { lossType: 'gspo' }), 'sequence');
  assert.equal(named('loss_type', { lossType: 'bnpo' }), 'dapo');
  assert.equal(named('scale_rewards', { aggregation: 'normalize_then_sum' }), 'gdpo');
  assert.equal(named('overlong_filter', { maskTruncated: true }), true);
  assert.equal(named('off_policy_sequence_mask_delta', { offPolicyThreshold: 0.5, beta: 0 }), 0.5);
  // The first of its rounds looks at the rollout that is there already.
  assert.equal(named('max_resample_times', { resamplingRounds: 2 }), 3);
});

test('what ms-swift cannot do is refused by name, all of it at once, with what to do', () => {
  const cases: [changes: SettingsChanges<GrpoSettings>, message: RegExp, more?: Partial<Experiment>][] = [
    [{ temperatureInLoss: false }, /grpo: temperatureInLoss false: .*--temperatureInLoss true, or --temperature 1/],
    [{ minP: 0.1 }, /grpo: minP 0.1: ms-swift passes min_p over in silence.*--minP 0/],
    [{ unbiasedKl: true }, /grpo: unbiasedKl true: .*--unbiasedKl false/],
    [{ lossType: 'vespo' }, /grpo: lossType "vespo": .*TRL/],
    [{ lossType: 'luspo' }, /grpo: lossType "luspo": .*TRL/],
    [{ lossType: 'dapo', miniBatches: 2 }, /grpo: lossType "dapo": .*2 mini-batches learn 2 times less/],
    [{ lossType: 'bnpo', miniBatches: 2 }, /grpo: lossType "bnpo": .*--miniBatches 1/],
    [{ offPolicyThreshold: 1 }, /grpo: offPolicyThreshold 1: .*or --beta 0/],
    [{ topEntropyShare: 0.2 }, /grpo: topEntropyShare 0.2: .*--topEntropyShare 1/],
    [{ entropyBonus: 0.1 }, /grpo: entropyBonus 0.1: .*--entropyBonus 0/],
    [{ promptsPerStep: 33 }, /grpo: promptsPerStep 33: .*needs 33 rows or more, and there are 32/],
    [
      { referenceRefreshEvery: 2 },
      /grpo: referenceRefreshEvery 2: .*--referenceRefreshEvery 0/,
      { lora: LORA_DEFAULTS },
    ],
    [{ seed: -1 }, /grpo: seed -1: NumPy/],
  ];
  for (const [changes, message, more] of cases)
    assert.match(
      refusalOf(() => optionsOf(changes, more)),
      message,
    );
  assert.equal(refusalOf(() => optionsOf({ minP: 0.1, entropyBonus: 1 })).split('\n').length, 3);
});

test('stage 1 and adapters', () => {
  const { options } = sftOptions(sftSettings({ epochs: 1.5, lossType: 'dft' }), 100);
  // 100 rows x 1.5 / 16 are 9.4 updates.
  const expected = {
    ...{ max_steps: 9, learning_rate: 1e-5, warmup_steps: 100, lr_scheduler_type: 'cosine', weight_decay: 0.1 },
    ...{ enable_dft_loss: true, packing: false, freeze_vit: true, freeze_aligner: true, freeze_llm: false },
  };
  assert.deepEqual({ ...options, ...expected }, options);
  assert.match(
    refusalOf(() => sftOptions(sftSettings({ packTo: 4096 }), 100)),
    /sft: packTo 4096: .*--sft.packTo 0/,
  );
  const modules = (targetModules: string, freeze: boolean) => {
    const { target_modules, target_regex } = loraOptions({ ...LORA_DEFAULTS, targetModules }, freeze).options;
    return target_modules ?? target_regex;
  };
  assert.deepEqual(modules('q_proj, v_proj', false), ['q_proj', 'v_proj']);
  assert.deepEqual(modules('all-linear', true), ['all-linear']);
  // A regular expression of Python's `re.fullmatch`, which is also one of JavaScript's.
  const outside = new RegExp(`^(?:${modules('q_proj,up_proj', true)})$`);
  const names = ['model.language_model.layers.0.self_attn.q_proj', 'model.visual.blocks.0.mlp.up_proj', 'x.not_q_proj'];
  assert.deepEqual(
    names.map((name) => outside.test(name)),
    [true, false, false],
  );
});

test('the tables of lib/handover/ms-swift/README.md have every setting', () => {
  checkTables('ms-swift', { GRPO: GRPO_TRANSLATIONS, 'stage 1': SFT_TRANSLATIONS, adapters: LORA_TRANSLATIONS });
});
