/** Our settings of GRPO as options of verl's `ppo_trainer` (0.9.1), each translated or refused. The options are Hydra's dotted names. */
import { ADAMW_DEFAULTS } from '../../train/adamw.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { LossType } from '../../train/policy-loss.js';
import type { Experiment } from '../experiment.js';
import { REWARD_SETTINGS } from '../rewards-folder.js';
import { option, type Translated, type Translation, type Translations, translate } from '../translation.js';
import { scheduleOptions } from './schedule-options.js';

const [ACTOR, ROLLOUT, MODEL] = ['actor_rollout_ref.actor', 'actor_rollout_ref.rollout', 'actor_rollout_ref.model'];

/** What verl's translation needs to know beside the settings. */
export type VerlContext = Pick<Experiment, 'lora' | 'questions'>;

/** A ratio that is never reached: verl's dual clipping cannot be turned off, and it bounds log-ratios at 20 itself. */
const NO_BOUND = 1e9;

/** So many completions wait for the others of their groups at most: Ray lets a worker of verl do no more at once. */
const MOST_WAITING = 1000;

/**
 * How verl averages a loss of ours, if it can. `token-mean` is over the tokens of one update, `seq-mean-token-mean` over a completion's
 * tokens and then over completions.
 */
const AVERAGES: { readonly [type in LossType]: string | undefined } = {
  grpo: 'seq-mean-token-mean',
  gspo: 'seq-mean-token-mean',
  sapo: 'seq-mean-token-mean',
  bnpo: 'token-mean',
  dapo: 'token-mean',
  cispo: 'token-mean',
  dr_grpo: 'seq-mean-token-sum-norm',
  luspo: 'seq-mean-token-sum',
  vespo: undefined,
};

function hasSequenceRatio({ lossType, ratioLevel }: GrpoSettings): boolean {
  return lossType === 'gspo' || lossType === 'luspo' || ratioLevel === 'sequence';
}

function lossMode(settings: GrpoSettings): string {
  if (settings.lossType === 'sapo' || settings.lossType === 'cispo') return settings.lossType;
  return hasSequenceRatio(settings) ? 'gspo' : 'vanilla';
}

function lossOptions(type: LossType, settings: GrpoSettings): Translated {
  const average = AVERAGES[type];
  if (average === undefined)
    return { refused: `verl has no ${type}; take another lossType, or hand over to TRL, which has it` };
  if ((type === 'dapo' || type === 'cispo') && settings.miniBatches > 1)
    return {
      refused: `verl averages over the tokens of one update, and ${type} over those of the whole rollout; take --miniBatches 1${type === 'dapo' ? ', or --lossType bnpo, which averages as verl does' : ''}`,
    };
  return {
    options: {
      [`${ACTOR}.policy_loss.loss_mode`]: lossMode(settings),
      [`${ACTOR}.loss_agg_mode`]: average,
      [`${ACTOR}.loss_scale_factor`]: type === 'dr_grpo' ? settings.maxNewTokens : null,
    },
  };
}

/** What each setting of GRPO is in verl. */
export const GRPO_TRANSLATIONS: Translations<GrpoSettings, VerlContext> = {
  steps: (steps, { promptsPerStep }, { questions }) => ({
    options: {
      'trainer.total_training_steps': steps,
      'trainer.total_epochs': Math.ceil(steps / Math.max(1, Math.floor(questions.length / promptsPerStep))) + 1,
    },
  }),
  promptsPerStep: (prompts, { completions }, { questions }): Translated => {
    if (questions.length < prompts)
      return {
        refused: `verl draws each prompt once in a pass and leaves the rest of a pass out, so it needs ${prompts} rows or more, and there are ${questions.length}; lower promptsPerStep`,
      };
    if (prompts * completions > MOST_WAITING)
      return {
        refused: `the rewards of a step wait in one worker until their groups are whole, and Ray lets it hold ${MOST_WAITING} completions, not ${prompts * completions}; lower promptsPerStep or completions, or hand over to TRL or ms-swift`,
      };
    const left = questions.length % prompts;
    return {
      options: { 'data.train_batch_size': prompts },
      ...(left === 0
        ? {}
        : {
            note: `verl begins a new pass where fewer than ${prompts} rows are left, so each pass leaves out ${left} of the ${questions.length} rows; here a step goes on into the next pass`,
          }),
    };
  },
  completions: option(`${ROLLOUT}.n`),
  maxNewTokens: option('data.max_response_length'),
  temperature: option(`${ROLLOUT}.temperature`),
  topP: option(`${ROLLOUT}.top_p`),
  topK: (k) => ({ options: { [`${ROLLOUT}.top_k`]: k === 0 ? -1 : k } }),
  minP: (minP) => (minP === 0 ? {} : { refused: 'verl samples without min-p; take --minP 0' }),
  repetitionPenalty: (penalty = 1) =>
    penalty === 1
      ? {}
      : { refused: 'rollouts have none: the ratio would be that of another distribution; leave it out' },
  temperatureInLoss: (inLoss, { temperature }) =>
    inLoss || temperature === 1
      ? {}
      : {
          refused: `verl divides the logits of the loss by the temperature (${temperature}) too; take --temperatureInLoss true, or --temperature 1, where both are the same`,
        },
  keepSamplingMask: (keeps) =>
    keeps ? { refused: "verl's loss is always over the whole vocabulary; take --keepSamplingMask false" } : {},
  schedule: (schedule) => scheduleOptions(schedule),
  beta: (beta) => ({
    options: {
      [`${ACTOR}.use_kl_loss`]: beta > 0,
      [`${ACTOR}.kl_loss_coef`]: beta,
      [`${ACTOR}.kl_loss_type`]: 'low_var_kl',
      'algorithm.use_kl_in_reward': false,
    },
    ...(beta > 0 ? { note: 'verl takes k3 of a token as 10 where it is larger' } : {}),
  }),
  unbiasedKl: (unbiased, { beta }) =>
    unbiased && beta > 0
      ? { refused: "verl's k3 has no importance weight; take --unbiasedKl false, or hand over to TRL" }
      : {},
  lossType: lossOptions,
  ratioLevel: (level, { lossType }) =>
    level === 'sequence' && (lossType === 'sapo' || lossType === 'cispo')
      ? { refused: `verl's ${lossType} has a ratio for each token alone; take --ratioLevel token` }
      : {},
  epsilonLow: (low, { lossType }) => ({
    // cispo bounds the ratio from above alone: 1 - 1 = 0 is below every ratio.
    options: { [`${ACTOR}.clip_ratio`]: low, [`${ACTOR}.clip_ratio_low`]: lossType === 'cispo' ? 1 : low },
  }),
  epsilonHigh: (high, { lossType }) => ({
    options: { [`${ACTOR}.clip_ratio_high`]: lossType === 'cispo' ? high - 1 : high },
  }),
  delta: (delta, settings) => {
    if (delta > 0 && lossMode(settings) === 'gspo')
      return { refused: 'verl does not bound a ratio of whole completions; take --delta 0' };
    return { options: { [`${ACTOR}.clip_ratio_c`]: delta === 0 ? NO_BOUND : delta } };
  },
  sapoTemperaturePositive: option(`${ACTOR}.tau_pos`),
  sapoTemperatureNegative: option(`${ACTOR}.tau_neg`),
  // The loss type vespo itself is refused, and no other reads these.
  vespoExponentPositive: () => ({}),
  vespoDecayPositive: () => ({}),
  vespoExponentNegative: () => ({}),
  vespoDecayNegative: () => ({}),
  offPolicyThreshold: (threshold) =>
    threshold === 0
      ? {}
      : { refused: 'verl has no such mask of completions; take --offPolicyThreshold 0, or hand over to TRL' },
  scaling: (scaling) =>
    scaling === 'batch'
      ? { refused: 'verl divides by the deviation of the group or not at all; take --scaling group or --scaling none' }
      : {
          options: { 'algorithm.norm_adv_by_std_in_grpo': scaling === 'group' },
          ...(scaling === 'group' ? { note: 'verl adds 1e-6 to the deviation, and the kit 1e-4' } : {}),
        },
  aggregation: (aggregation) =>
    aggregation === 'sum_then_normalize'
      ? { options: { 'algorithm.adv_estimator': 'grpo' } }
      : {
          refused:
            "verl's gdpo normalizes over the tokens of a batch, and not over its completions; take --aggregation sum_then_normalize, or hand over to TRL or ms-swift",
        },
  maskTruncated: (mask) =>
    mask ? { refused: 'verl has no such mask; take --maskTruncated false, or hand over to TRL or ms-swift' } : {},
  topEntropyShare: (share) =>
    share === 1 ? {} : { refused: 'verl trains on all tokens; take --topEntropyShare 1, or hand over to TRL' },
  entropyBonus: (bonus, { lossType }) =>
    bonus !== 0 && AVERAGES[lossType] !== 'token-mean'
      ? {
          refused: `verl averages the entropy as it does the loss, and with ${lossType} that is not the mean over tokens; take --entropyBonus 0, or a loss that averages over tokens (bnpo, dapo, cispo)`,
        }
      : { options: { [`${ACTOR}.entropy_coeff`]: bonus } },
  updatesPerRollout: option(`${ACTOR}.ppo_epochs`),
  miniBatches: (count, { promptsPerStep }) => ({
    options: { [`${ACTOR}.ppo_mini_batch_size`]: promptsPerStep / count, [`${ACTOR}.shuffle`]: false },
  }),
  promptsPerMicroBatch: () => ({
    note: '`train.py` takes the largest ppo_micro_batch_size_per_gpu that is not above it and shares an update evenly',
  }),
  gradientCheckpointing: option(`${MODEL}.enable_gradient_checkpointing`),
  resamplingRounds: (rounds, { promptsPerStep }): Translated => ({
    options: {
      'algorithm.filter_groups.enable': rounds > 0,
      'algorithm.filter_groups.metric': 'reward',
      '+trainer.v1.sampler.sampler_kwargs.filter_dead_groups': rounds > 0,
      '+trainer.v1.sampler.sampler_kwargs.prompts': promptsPerStep,
    },
    ...(rounds > 0
      ? {
          note: `verl replaces dead groups until no group of a step is dead, however many rounds that takes; here it is ${rounds} at most. A run whose prompts are all dead waits for ever`,
        }
      : {}),
  }),
  referenceRefreshEvery: (every, { beta }) =>
    every > 0 && beta > 0
      ? {
          refused: 'the reference of verl never moves; take --referenceRefreshEvery 0, or hand over to TRL or ms-swift',
        }
      : {},
  // It says how the reference moves, which is refused.
  referenceMixup: () => ({}),
  freezeVision: (freeze, _, { lora }): Translated => {
    if (lora && !freeze)
      return { refused: "verl's rollouts take no adapters of the vision tower; take --freezeVision true" };
    if (lora) return { note: '`exclude_modules` leaves the vision tower without adapters' };
    if (freeze)
      return {
        refused:
          'verl 0.9.1 reads freeze_vision_tower and trains the tower all the same; take --freezeVision false, or adapters (--lora-rank), or hand over to TRL or ms-swift',
      };
    return { options: { [`${ACTOR}.freeze_vision_tower`]: false } };
  },
  seed: (seed) =>
    seed < 0 || seed >= 2 ** 32
      ? { refused: 'NumPy takes seeds from 0 to 4294967295' }
      : {
          options: {
            'data.seed': seed,
            [`${ROLLOUT}.seed`]: seed,
            [`${ACTOR}.data_loader_seed`]: seed,
            [`${ACTOR}.fsdp_config.seed`]: seed,
          },
          note: 'the same number gives other random draws there',
        },
  ...REWARD_SETTINGS,
};

/**
 * The options of verl, but for those that depend on the number of devices or on where the folder lies.
 *
 * @throws Error naming every setting that verl cannot express
 */
export function grpoOptions({ grpo, lora, questions, heldOut, precision }: Experiment): Translation {
  const translation = translate('verl', 'grpo', GRPO_TRANSLATIONS, grpo, { lora, questions });
  // Epsilon is torch's own, as it is here.
  const { beta1, beta2, weightDecay, clipNorm } = ADAMW_DEFAULTS;
  const { temperature, topP, topK } = grpo;
  const compute = precision === 'bfloat16' ? 'bfloat16' : 'float32';
  Object.assign(translation.options, {
    [`${ACTOR}.optim.betas`]: [beta1, beta2],
    [`${ACTOR}.optim.weight_decay`]: weightDecay,
    [`${ACTOR}.optim.clip_grad`]: clipNorm,
    [`${ACTOR}.grad_clip`]: clipNorm,
    [`${ACTOR}.use_dynamic_bsz`]: false,
    [`${ACTOR}.fsdp_config.dtype`]: compute,
    'actor_rollout_ref.ref.fsdp_config.dtype': compute,
    [`${ROLLOUT}.dtype`]: compute,
    ...(precision === 'float32'
      ? // flash-attn has no float32.
        { [`${MODEL}.use_remove_padding`]: false, [`+${MODEL}.override_config.attn_implementation`]: 'sdpa' }
      : {}),
    [`${ROLLOUT}.name`]: 'vllm',
    [`${ROLLOUT}.tensor_model_parallel_size`]: 1,
    'data.shuffle': true,
    'data.truncation': 'error',
    'data.return_raw_chat': true,
    // One worker gets all completions of a group and asks for them at once (kit_rewards.py).
    'reward.num_workers': 1,
    'trainer.logger': ['console', 'file', 'tensorboard'],
    'trainer.project_name': 'reason-rft',
    'trainer.experiment_name': 'grpo',
    'trainer.save_freq': 20,
    'trainer.max_actor_ckpt_to_keep': 2,
    'trainer.val_before_train': false,
    'trainer.test_freq': heldOut ? heldOut.evaluateEvery : -1,
    ...(heldOut && {
      'data.val_batch_size': Math.min(heldOut.rows.length, Math.max(1, Math.floor(MOST_WAITING / heldOut.samples))),
      [`${ROLLOUT}.val_kwargs.n`]: heldOut.samples,
      [`${ROLLOUT}.val_kwargs.do_sample`]: true,
      [`${ROLLOUT}.val_kwargs.temperature`]: temperature,
      [`${ROLLOUT}.val_kwargs.top_p`]: topP,
      [`${ROLLOUT}.val_kwargs.top_k`]: topK === 0 ? -1 : topK,
    }),
  });
  return translation;
}
