/** Our settings in TRL's words: each translated or refused by name, and the table of lib/handover/README.md. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Experiment } from '../../lib/handover/experiment.js';
import { RefusedSettings, translate } from '../../lib/handover/translation.js';
import { GRPO_TRANSLATIONS, grpoOptions } from '../../lib/handover/trl/grpo-options.js';
import { processesOfNode } from '../../lib/handover/trl/launch.js';
import { LORA_TRANSLATIONS, loraOptions } from '../../lib/handover/trl/lora-options.js';
import { SFT_TRANSLATIONS, sftOptions } from '../../lib/handover/trl/sft-options.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import { kitReward } from '../../lib/rewards/reward-list.js';
import type { QuestionRow } from '../../lib/study/cells/prepared-rows.js';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { type GrpoSettings, TRL_GRPO } from '../../lib/train/grpo-settings.js';
import { grpoSettings, type SettingsChanges, sftSettings } from '../../lib/train/settings.js';
import { dataRow } from '../support/data-row.js';

const README = readFileSync(path.join(repositoryRoot(), 'lib', 'handover', 'README.md'), 'utf8');

function question(id: string): QuestionRow {
  return { id, prompt: '?', pictures: [], row: dataRow(id, '3'), family: 'all', solution: '3' };
}

/** An experiment of 32 rows and these changes of the paper's settings, which TRL can express but for the temperature. */
function experiment(changes: SettingsChanges<GrpoSettings> = {}, more: Partial<Experiment> = {}): Experiment {
  return {
    questions: Array.from({ length: 32 }, (_, i) => question(`${i}`)),
    ...{ model: { folder: 'x' }, rewards: [kitReward('accuracy_reward', 2), kitReward('format_reward', 0.5)] },
    grpo: grpoSettings({ steps: 10, promptsPerStep: 4, temperatureInLoss: true, ...changes }),
    ...{ pixels: {}, precision: 'bfloat16', templates: {} },
    ...more,
  };
}

const optionsOf = (changes: SettingsChanges<GrpoSettings> = {}, more: Partial<Experiment> = {}) =>
  grpoOptions(experiment(changes, more)).options;

test("the paper's settings in TRL's words", () => {
  const options = optionsOf();
  const expected = {
    ...{ max_steps: 10, generation_batch_size: 4 * 8, num_generations: 8, max_completion_length: 512 },
    ...{ temperature: 0.9, top_p: 0.9, top_k: 50, min_p: null, repetition_penalty: 1 },
    ...{ learning_rate: 1e-6, warmup_steps: 0, lr_scheduler_type: 'linear', weight_decay: 0, max_grad_norm: 1 },
    ...{ adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8, seed: 42 },
    ...{ beta: 0.04, use_bias_correction_kl: false, loss_type: 'grpo', importance_sampling_level: 'token' },
    ...{ epsilon: 0.2, epsilon_high: 0.2, delta: null, off_policy_mask_threshold: null, num_iterations: 1 },
    ...{ scale_rewards: 'group', multi_objective_aggregation: 'sum_then_normalize', reward_weights: [2, 0.5] },
    ...{ mask_truncated_completions: false, top_entropy_quantile: 1, entropy_coef: 0, sync_ref_model: false },
  };
  assert.deepEqual({ ...options, ...expected }, options);
});

test('TRL counts updates: steps, warm-up, evaluations and refreshes are multiplied by those of a rollout', () => {
  const schedule = { warmupSteps: 3, decay: 'cosine' } as const;
  const heldOut = { rows: [question('h')], evaluateEvery: 5, samples: 4 };
  const changes = { updatesPerRollout: 2, miniBatches: 2, referenceRefreshEvery: 2, schedule };
  const { options, notes } = grpoOptions(experiment(changes, { heldOut }));
  // 2 passes of 2 mini-batches are 4 updates of a rollout.
  assert.deepEqual(
    [options.max_steps, options.warmup_steps, options.eval_steps, options.ref_model_sync_steps, options.save_steps],
    [10 * 4, 3 * 4, 5 * 4, 2 * 4, 20 * 4],
  );
  assert.deepEqual([options.sync_ref_model, options.ref_model_mixup_alpha], [true, 0.6]);
  assert.deepEqual([options.num_iterations, options.lr_scheduler_type], [2, 'cosine']);
  assert.deepEqual([options.num_generations_eval, options.per_device_eval_batch_size], [4, 4]);
  assert.match(notes.schedule!, /over the 4 updates of a rollout/);
  assert.equal(
    grpoOptions(experiment({ updatesPerRollout: 2, schedule: { decay: 'constant' } })).notes.schedule,
    undefined,
  );
});

test('values that have another name or another off in TRL', () => {
  assert.deepEqual(
    (({ loss_type, importance_sampling_level }) => [loss_type, importance_sampling_level])(
      optionsOf({ lossType: 'gspo' }),
    ),
    ['grpo', 'sequence'],
  );
  assert.equal(optionsOf({ lossType: 'luspo' }).importance_sampling_level, 'sequence');
  // The mean over all tokens of the update is that over the rollout where the rollout is one update.
  assert.equal(optionsOf({ lossType: 'bnpo' }).loss_type, 'dapo');
  const { delta, min_p, off_policy_mask_threshold } = optionsOf({ delta: 4, minP: 0.1, offPolicyThreshold: 0.5 });
  assert.deepEqual([delta, min_p, off_policy_mask_threshold], [4, 0.1, 0.5]);
  assert.equal(optionsOf({ schedule: { decay: 'constant' } }).lr_scheduler_type, 'constant_with_warmup');
  const whole = { promptsPerMicroBatch: 4, topEntropyShare: 0.2, entropyBonus: 0.01 };
  assert.deepEqual(
    (({ top_entropy_quantile, entropy_coef }) => [top_entropy_quantile, entropy_coef])(optionsOf(whole)),
    [0.2, 0.01],
  );
  assert.equal(grpoOptions({ ...experiment(), grpo: grpoSettings({ steps: 1 }, TRL_GRPO) }).options.loss_type, 'dapo');
});

test('what TRL cannot do is refused by name, all of it at once, with what to do', () => {
  const refusal = (changes: SettingsChanges<GrpoSettings>, more: Partial<Experiment> = {}) => {
    try {
      optionsOf(changes, more);
    } catch (error) {
      assert.ok(error instanceof RefusedSettings);
      return error.message;
    }
    return assert.fail(`was taken: ${JSON.stringify(changes)}`);
  };
  const cases: [changes: SettingsChanges<GrpoSettings>, message: RegExp, more?: Partial<Experiment>][] = [
    [{ temperatureInLoss: false }, /grpo: temperatureInLoss false: .*--temperatureInLoss true, or --temperature 1/],
    [{ keepSamplingMask: true }, /grpo: keepSamplingMask true: .*whole vocabulary; take --keepSamplingMask false/],
    [{ resamplingRounds: 2 }, /grpo: resamplingRounds 2: TRL has no dynamic sampling; take --resamplingRounds 0/],
    [{ promptsPerStep: 33 }, /grpo: promptsPerStep 33: .*needs 33 rows or more, and there are 32/],
    [{ lossType: 'bnpo', miniBatches: 2 }, /grpo: lossType "bnpo": .*--miniBatches 1, or --lossType dapo/],
    [{ topEntropyShare: 0.2 }, /grpo: topEntropyShare 0.2: .*--promptsPerMicroBatch 4 --miniBatches 1/],
    [{ entropyBonus: 0.1, promptsPerMicroBatch: 2 }, /grpo: entropyBonus 0.1: .*--promptsPerMicroBatch 4/],
    [
      { referenceRefreshEvery: 2 },
      /grpo: referenceRefreshEvery 2: .*--referenceRefreshEvery 0/,
      { lora: LORA_DEFAULTS },
    ],
    [{ seed: -1 }, /grpo: seed -1: NumPy takes seeds from 0/],
  ];
  for (const [changes, message, more] of cases) assert.match(refusal(changes, more), message);
  assert.equal(refusal({ temperatureInLoss: false, resamplingRounds: 1 }).split('\n').length, 3);
  // At temperature 1 the loss is the same either way.
  assert.equal(optionsOf({ temperature: 1, temperatureInLoss: false }).temperature, 1);
  assert.throws(() => sftOptions(sftSettings({ packTo: 4096 }), 100), /sft: packTo 4096: .*--sft.packTo 0/);
  assert.throws(() => sftOptions(sftSettings({ batchSize: 16 }), 15), /sft: batchSize 16: .*there are 15 rows/);
  // Two settings can never become one option.
  const twice = { a: () => ({ options: { x: 1 } }), b: () => ({ options: { x: 2 } }) };
  assert.throws(() => translate('TRL', 'grpo', twice, { a: 1, b: 2 }, {}), /two settings become TRL's option x/);
});

test('stage 1 and adapters', () => {
  const { options } = sftOptions(sftSettings({ epochs: 1.5, lossType: 'dft' }), 100);
  // 100 rows x 1.5 / 16 are 9.4 updates.
  const expected = {
    ...{ max_steps: 9, learning_rate: 1e-5, warmup_steps: 100, lr_scheduler_type: 'cosine', weight_decay: 0.1 },
    ...{ loss_type: 'dft', completion_only_loss: true, max_length: null, packing: false, seed: 42 },
  };
  assert.deepEqual({ ...options, ...expected }, options);
  const modules = (targetModules: string) =>
    loraOptions({ ...LORA_DEFAULTS, targetModules }, false).options.target_modules;
  assert.deepEqual(modules('q_proj, v_proj'), ['q_proj', 'v_proj']);
  assert.deepEqual([modules('all-linear'), modules('/visual\\..*qkv/')], ['all-linear', 'visual\\..*qkv']);
  assert.deepEqual(loraOptions(LORA_DEFAULTS, true).options.exclude_modules, '.*visual.*');
  const { r, lora_alpha, use_rslora, lora_dropout } = loraOptions(LORA_DEFAULTS, false).options;
  assert.deepEqual([r, lora_alpha, use_rslora, lora_dropout], [16, 32, false, 0]);
  assert.equal(loraOptions({ ...LORA_DEFAULTS, dropout: 0.05 }, false).options.lora_dropout, 0.05);
});

test('an update is shared evenly among as many devices as can be', () => {
  // 112 completions: 8 devices of 14, 2 x 8 of 7. 60: 6 of 10, 2 x 6 of 5. 7: 7 of 1, and no two nodes.
  assert.deepEqual(
    [112, 60, 7].map((update) => [processesOfNode(update, 1), processesOfNode(update, 2)]),
    [
      [8, 8],
      [6, 6],
      [7, 0],
    ],
  );
});

test('the table of lib/handover/README.md has every setting with the options that it becomes', () => {
  const section = README.split('## TRL')[1]!.split('\n## ')[0]!;
  const exp = experiment({ referenceRefreshEvery: 1 });
  const tables: [title: string, table: object, settings: object, context: object][] = [
    ['GRPO', GRPO_TRANSLATIONS, exp.grpo, exp],
    ['stage 1', SFT_TRANSLATIONS, sftSettings({}), { rows: 100 }],
    ['adapters', LORA_TRANSLATIONS, LORA_DEFAULTS, { freezeVision: false }],
  ];
  for (const [title, table, settings, context] of tables) {
    const text = section.split(`| setting of ${title} |`)[1]!.split('\n\n')[0]!;
    const rows = new Map([...text.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name, cell]) => [name!, cell!]));
    assert.deepEqual([...rows.keys()].sort(), Object.keys(table).sort(), title);
    for (const [name, translated] of Object.entries(table)) {
      const cell = rows.get(name)!;
      const { options = {} } = translated((settings as { [name: string]: unknown })[name], settings, context) as {
        options?: object;
      };
      for (const option of Object.keys(options)) assert.ok(cell.includes(`\`${option}\``), `${name}: ${option}`);
    }
  }
});
