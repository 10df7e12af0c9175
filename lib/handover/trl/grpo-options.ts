/** Our settings of GRPO as options of TRL's `GRPOConfig` (1.16), each translated or refused. */
import { ADAMW_DEFAULTS } from '../../train/adamw.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { Experiment } from '../experiment.js';
import { REWARD_SETTINGS } from '../rewards-folder.js';
import { option, type Translated, type Translation, type Translations, translate } from '../translation.js';
import { referenceOptions } from './reference-options.js';
import { scheduleOptions } from './schedule-options.js';

/** Optimizer updates of one of our steps, which is one rollout. TRL counts updates as steps. */
export function updatesPerStep({ updatesPerRollout, miniBatches }: GrpoSettings): number {
  return updatesPerRollout * miniBatches;
}

/** Completions that one optimizer update takes, on all devices together. */
export function completionsPerUpdate({ promptsPerStep, completions, miniBatches }: GrpoSettings): number {
  return (promptsPerStep * completions) / miniBatches;
}

/** A share of a rollout's tokens, and a mean over them: TRL takes both within what is computed at once. */
function needsWholeRollout(off: boolean, name: string, settings: GrpoSettings): Translated | undefined {
  const { promptsPerStep, promptsPerMicroBatch, miniBatches } = settings;
  if (off || (miniBatches === 1 && promptsPerMicroBatch >= promptsPerStep)) return undefined;
  return {
    refused: `TRL takes ${name} within each micro-batch, and here it is of the whole rollout; let a micro-batch be the rollout: --promptsPerMicroBatch ${promptsPerStep} --miniBatches 1`,
  };
}

/** What TRL's translation needs to know beside the settings. */
export type TrlContext = Pick<Experiment, 'lora' | 'questions'>;

/** What each setting of GRPO is in TRL. */
export const GRPO_TRANSLATIONS: Translations<GrpoSettings, TrlContext> = {
  steps: (steps, settings) => ({ options: { max_steps: steps * updatesPerStep(settings) } }),
  promptsPerStep: (prompts, { completions }, { questions }) =>
    questions.length < prompts
      ? {
          refused: `TRL draws each prompt once in a pass and leaves the rest of a pass out, so it needs ${prompts} rows or more, and there are ${questions.length}; lower promptsPerStep`,
        }
      : {
          options: { generation_batch_size: prompts * completions },
          ...(questions.length % prompts === 0
            ? {}
            : {
                note: `TRL begins a new pass where fewer than ${prompts} rows are left, so each pass leaves out ${questions.length % prompts} of the ${questions.length} rows; here a step goes on into the next pass`,
              }),
        },
  completions: option('num_generations'),
  maxNewTokens: option('max_completion_length'),
  temperature: option('temperature'),
  topP: option('top_p'),
  topK: option('top_k'),
  minP: (minP) => ({ options: { min_p: minP === 0 ? null : minP } }),
  repetitionPenalty: (penalty = 1) =>
    penalty === 1
      ? { options: { repetition_penalty: 1 } }
      : { refused: 'rollouts have none: the ratio would be that of another distribution; leave it out' },
  temperatureInLoss: (inLoss, { temperature }) =>
    inLoss || temperature === 1
      ? {}
      : {
          refused: `TRL divides the logits of the loss by the temperature (${temperature}) too; take --temperatureInLoss true, or --temperature 1, where both are the same`,
        },
  keepSamplingMask: (keeps) =>
    keeps ? { refused: "TRL's loss is always over the whole vocabulary; take --keepSamplingMask false" } : {},
  schedule: (schedule, settings) => scheduleOptions(schedule, updatesPerStep(settings)),
  beta: option('beta'),
  unbiasedKl: option('use_bias_correction_kl'),
  lossType: (type, { miniBatches }) => {
    if (type === 'gspo') return { options: { loss_type: 'grpo' } };
    if (type !== 'bnpo') return { options: { loss_type: type } };
    if (miniBatches === 1)
      return {
        options: { loss_type: 'dapo' },
        note: "TRL's bnpo averages over each device's micro-batch; dapo averages over the whole rollout, which is bnpo here",
      };
    return {
      refused:
        "TRL averages bnpo over each device's micro-batch and not over the update; take --miniBatches 1, or --lossType dapo",
    };
  },
  ratioLevel: (level, { lossType }) => ({
    options: { importance_sampling_level: lossType === 'gspo' || lossType === 'luspo' ? 'sequence' : level },
  }),
  epsilonLow: option('epsilon'),
  epsilonHigh: option('epsilon_high'),
  delta: (delta) => ({ options: { delta: delta === 0 ? null : delta } }),
  sapoTemperaturePositive: option('sapo_temperature_pos'),
  sapoTemperatureNegative: option('sapo_temperature_neg'),
  vespoExponentPositive: option('vespo_k_pos'),
  vespoDecayPositive: option('vespo_lambda_pos'),
  vespoExponentNegative: option('vespo_k_neg'),
  vespoDecayNegative: option('vespo_lambda_neg'),
  offPolicyThreshold: (threshold) => ({ options: { off_policy_mask_threshold: threshold === 0 ? null : threshold } }),
  scaling: option('scale_rewards'),
  aggregation: option('multi_objective_aggregation'),
  maskTruncated: option('mask_truncated_completions'),
  topEntropyShare: (share, settings) =>
    needsWholeRollout(share === 1, 'the share of tokens', settings) ?? { options: { top_entropy_quantile: share } },
  entropyBonus: (bonus, settings) =>
    needsWholeRollout(bonus === 0, 'the mean entropy', settings) ?? {
      options: { entropy_coef: bonus },
      ...(bonus === 0 ? {} : { note: 'TRL takes the mean entropy of each device, and then that of the devices' }),
    },
  updatesPerRollout: option('num_iterations'),
  miniBatches: (count) =>
    count === 1
      ? { note: 'the script accumulates gradients until an update has all completions' }
      : {
          note: 'TRL shuffles the completions of each device before it cuts them into mini-batches; here a mini-batch has whole prompts',
        },
  promptsPerMicroBatch: () => ({
    note: 'the script takes the largest per_device_train_batch_size that is not above it and shares an update evenly',
  }),
  gradientCheckpointing: option('gradient_checkpointing'),
  resamplingRounds: (rounds) =>
    rounds === 0 ? {} : { refused: 'TRL has no dynamic sampling; take --resamplingRounds 0, or hand over to verl' },
  referenceRefreshEvery: (every, settings, { lora }) => referenceOptions('TRL', every, updatesPerStep(settings), lora),
  referenceMixup: option('ref_model_mixup_alpha'),
  freezeVision: () => ({ note: '`freeze_vision` of the configuration, which the script sees to' }),
  seed: (seed) =>
    seed < 0 || seed >= 2 ** 32
      ? { refused: 'NumPy takes seeds from 0 to 4294967295' }
      : { options: { seed }, note: 'the same number gives other random draws there' },
  ...REWARD_SETTINGS,
};

/** The optimizer of both phases, as it is here. */
export const OPTIMIZER_OPTIONS = {
  optim: 'adamw_torch',
  adam_beta1: ADAMW_DEFAULTS.beta1,
  adam_beta2: ADAMW_DEFAULTS.beta2,
  adam_epsilon: ADAMW_DEFAULTS.epsilon,
  max_grad_norm: ADAMW_DEFAULTS.clipNorm,
} as const;

/**
 * The options of `GRPOConfig`, but for those that depend on the number of devices.
 *
 * @throws RefusedSettings naming every setting that TRL cannot express
 */
export function grpoOptions({ grpo, lora, questions, rewards, heldOut }: Experiment): Translation {
  const translation = translate('TRL', 'grpo', GRPO_TRANSLATIONS, grpo, { lora, questions });
  const updates = updatesPerStep(grpo);
  Object.assign(translation.options, {
    ...OPTIMIZER_OPTIONS,
    weight_decay: ADAMW_DEFAULTS.weightDecay,
    reward_weights: rewards.map(({ weight }) => weight),
    shuffle_dataset: true,
    // A step's rewards and completions stand in the log one by one.
    ...{ logging_steps: 1, log_completions: true, log_multimodal: false, num_completions_to_print: 0 },
    ...{ save_strategy: 'steps', save_steps: 20 * updates, save_total_limit: 2 },
    ...(grpo.lossType === 'vespo' ? { vllm_importance_sampling_mode: 'token_truncate' } : {}),
    ...(heldOut && {
      ...{ eval_strategy: 'steps', eval_steps: heldOut.evaluateEvery * updates },
      ...{ num_generations_eval: heldOut.samples, per_device_eval_batch_size: heldOut.samples },
    }),
  });
  return translation;
}
