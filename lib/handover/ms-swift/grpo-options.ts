/** Our settings of GRPO as arguments of `swift rlhf --rlhf_type grpo` (ms-swift 4.6.0), each translated or refused. */
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { Experiment } from '../experiment.js';
import { REWARD_SETTINGS } from '../rewards-folder.js';
import { option, type Translated, type Translation, type Translations, translate } from '../translation.js';
import { OPTIMIZER_OPTIONS, updatesPerStep } from '../trl/grpo-options.js';
import { referenceOptions } from '../trl/reference-options.js';
import { scheduleOptions } from '../trl/schedule-options.js';
import { freezeOptions, RUN_OPTIONS, seedOption } from './shared-options.js';

/** What the translation needs to know beside the settings. */
export type SwiftContext = Pick<Experiment, 'lora' | 'questions'>;

/** What each setting of GRPO is in ms-swift. */
export const GRPO_TRANSLATIONS: Translations<GrpoSettings, SwiftContext> = {
  steps: (steps, settings) => ({ options: { max_steps: steps * updatesPerStep(settings) } }),
  promptsPerStep: (prompts, { completions }, { questions }) =>
    questions.length < prompts
      ? {
          refused: `ms-swift draws each prompt once in a pass and leaves the rest of a pass out, so it needs ${prompts} rows or more, and there are ${questions.length}; lower promptsPerStep`,
        }
      : {
          options: { generation_batch_size: prompts * completions },
          ...(questions.length % prompts === 0
            ? {}
            : {
                note: `ms-swift begins a new pass where fewer than ${prompts} rows are left, so each pass leaves out ${questions.length % prompts} of the ${questions.length} rows; here a step goes on into the next pass`,
              }),
        },
  completions: option('num_generations'),
  maxNewTokens: option('max_completion_length'),
  temperature: option('temperature'),
  topP: option('top_p'),
  topK: (k) => ({ options: { top_k: k === 0 ? -1 : k } }),
  minP: (minP) =>
    minP === 0
      ? { options: { min_p: 0 } }
      : { refused: 'ms-swift passes min_p over in silence unless vLLM samples; take --minP 0, or hand over to TRL' },
  repetitionPenalty: (penalty = 1) =>
    penalty === 1
      ? { options: { repetition_penalty: 1 } }
      : { refused: 'rollouts have none: the ratio would be that of another distribution; leave it out' },
  temperatureInLoss: (inLoss, { temperature }) =>
    inLoss || temperature === 1
      ? {}
      : {
          refused: `ms-swift divides the logits of the loss by the temperature (${temperature}) too; take --temperatureInLoss true, or --temperature 1, where both are the same`,
        },
  keepSamplingMask: (keeps) =>
    keeps ? { refused: "ms-swift's loss is always over the whole vocabulary; take --keepSamplingMask false" } : {},
  schedule: (schedule, settings) => {
    const updates = updatesPerStep(settings);
    const { options, note } = scheduleOptions(schedule, updates);
    return note === undefined
      ? { options }
      : {
          options,
          note: `the rate changes with each of the ${updates} updates of a rollout; here it is the same in all`,
        };
  },
  beta: (beta) => ({
    options: { beta, kl_in_reward: false },
    ...(beta > 0 ? { note: 'ms-swift takes k3 of a token as 10 where it is larger' } : {}),
  }),
  unbiasedKl: (unbiased, { beta }) =>
    unbiased && beta > 0
      ? { refused: "ms-swift's k3 has no importance weight; take --unbiasedKl false, or hand over to TRL" }
      : {},
  lossType: (type, { miniBatches }) => {
    switch (type) {
      case 'luspo':
      case 'vespo':
        return { refused: `ms-swift has no ${type}; take another lossType, or hand over to TRL, which has it` };
      case 'gspo':
        return { options: { loss_type: 'grpo' } };
      case 'bnpo':
        return miniBatches === 1
          ? {
              options: { loss_type: 'dapo' },
              note: "ms-swift's bnpo averages over each device's micro-batch; dapo averages over the whole rollout, which is bnpo here",
            }
          : {
              refused:
                "ms-swift averages bnpo over each device's micro-batch and not over the update; take --miniBatches 1, or hand over to verl",
            };
      case 'dapo':
      case 'cispo':
        return miniBatches === 1
          ? { options: { loss_type: type } }
          : {
              refused: `ms-swift divides ${type} by the tokens of the rollout and not by an update's share of them, so that ${miniBatches} mini-batches learn ${miniBatches} times less; take --miniBatches 1, or hand over to TRL`,
            };
      default:
        return { options: { loss_type: type } };
    }
  },
  ratioLevel: (level, { lossType }) => ({
    options: { importance_sampling_level: lossType === 'gspo' ? 'sequence' : level },
  }),
  epsilonLow: option('epsilon'),
  epsilonHigh: option('epsilon_high'),
  delta: (delta) => ({ options: { delta: delta === 0 ? null : delta } }),
  sapoTemperaturePositive: option('tau_pos'),
  sapoTemperatureNegative: option('tau_neg'),
  // The loss type vespo itself is refused, and no other reads these.
  vespoExponentPositive: () => ({}),
  vespoDecayPositive: () => ({}),
  vespoExponentNegative: () => ({}),
  vespoDecayNegative: () => ({}),
  offPolicyThreshold: (threshold, { beta }) =>
    threshold > 0 && beta > 0
      ? {
          refused:
            'ms-swift leaves the KL of such a completion out too; take --offPolicyThreshold 0, or --beta 0, or hand over to TRL',
        }
      : { options: { off_policy_sequence_mask_delta: threshold === 0 ? null : threshold } },
  scaling: (scaling, { aggregation }) => ({
    options: { scale_rewards: aggregation === 'normalize_then_sum' ? 'gdpo' : scaling },
  }),
  aggregation: (aggregation) => ({
    options: { advantage_estimator: 'grpo' },
    ...(aggregation === 'normalize_then_sum'
      ? { note: '`scale_rewards` gdpo; ms-swift adds 1e-8 to the deviations, and the kit 1e-4' }
      : {}),
  }),
  maskTruncated: (mask) => ({
    options: { overlong_filter: mask },
    ...(mask ? { note: 'ms-swift also masks a completion that ends with exactly the last token it may have' } : {}),
  }),
  topEntropyShare: (share) =>
    share === 1
      ? { options: { top_entropy_quantile: 1 } }
      : {
          refused:
            "ms-swift takes the share within each device's micro-batch and not of the rollout; take --topEntropyShare 1, or hand over to TRL",
        },
  entropyBonus: (bonus) =>
    bonus === 0 ? {} : { refused: 'ms-swift has none; take --entropyBonus 0, or hand over to TRL or verl' },
  updatesPerRollout: option('num_iterations'),
  miniBatches: (count) =>
    count === 1
      ? { note: '`train.py` accumulates gradients until an update has all completions' }
      : { note: 'a mini-batch is a run of the completions of each device there; here it has whole prompts' },
  promptsPerMicroBatch: () => ({
    note: '`train.py` takes the largest per_device_train_batch_size that is not above it and shares an update evenly',
  }),
  gradientCheckpointing: option('gradient_checkpointing'),
  resamplingRounds: (rounds): Translated =>
    rounds === 0
      ? { options: { dynamic_sample: false } }
      : {
          // The first of its rounds looks at the rollout itself.
          options: { dynamic_sample: true, max_resample_times: rounds + 1 },
          note: 'ms-swift draws a whole new rollout each time, and takes the first one back, dead groups and all, if too few groups are alive in the end; here each round replaces the dead groups alone',
        },
  referenceRefreshEvery: (every, settings, { lora }) =>
    referenceOptions('ms-swift', every, updatesPerStep(settings), lora),
  referenceMixup: option('ref_model_mixup_alpha'),
  freezeVision: (freeze) => ({ options: freezeOptions(freeze) }),
  seed: seedOption,
  ...REWARD_SETTINGS,
};

/**
 * The arguments, but for those that depend on the number of devices or on where the folder lies.
 *
 * @throws RefusedSettings naming every setting that ms-swift cannot express
 */
export function grpoOptions({ grpo, lora, questions, rewards, heldOut }: Experiment): Translation {
  const translation = translate('ms-swift', 'grpo', GRPO_TRANSLATIONS, grpo, { lora, questions });
  const updates = updatesPerStep(grpo);
  Object.assign(translation.options, {
    rlhf_type: 'grpo',
    ...OPTIMIZER_OPTIONS,
    ...RUN_OPTIONS,
    weight_decay: 0,
    reward_funcs: rewards.map(({ name }) => `${REWARD_PREFIX}${name}`),
    reward_weights: rewards.map(({ weight }) => weight),
    dataset_shuffle: true,
    log_completions: true,
    log_entropy: true,
    save_steps: 20 * updates,
    ...(heldOut && {
      ...{ eval_strategy: 'steps', eval_steps: heldOut.evaluateEvery * updates },
      ...{ num_generations_eval: heldOut.samples, per_device_eval_batch_size: heldOut.samples },
    }),
  });
  return translation;
}

/** What stands before the name of a reward in ms-swift's table of rewards, which has some of its own. */
const REWARD_PREFIX = 'kit_';
