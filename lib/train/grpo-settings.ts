/** The settings of a GRPO run: what each means, its check, and the named presets. */
import { checkBounds } from '../engine/bounds.js';
import { deepFreeze } from '../engine/deep-freeze.js';
import { checkNames } from '../engine/names.js';
import { checkSampling, leavesTokensOut, type SamplingSettings } from '../model/sampling.js';
import { AGGREGATIONS, type Aggregation, REWARD_SCALINGS, type RewardScaling } from './advantage.js';
import { checkRewardSettings, REWARD_DEFAULTS, type RewardSettings } from './named-reward.js';
import { LOSS_TYPES, type PolicyLossSettings } from './policy-loss.js';
import { checkSchedule, checkScheduleNames, type Schedule } from './schedule.js';

/** Everything that GRPO does differently from run to run; `lib/train/README.md` has a table of defaults and sources. */
export interface GrpoSettings extends SamplingSettings, PolicyLossSettings, RewardSettings {
  /** Rollouts of the run. */
  steps: number;
  /** Prompts a rollout. */
  promptsPerStep: number;
  /** G, completions a prompt. */
  completions: number;
  /** Longest completion in tokens. */
  maxNewTokens: number;
  /** The learning rate over the steps. */
  schedule: Schedule;
  /** Divides logits by the sampling temperature in the loss too (TRL); Reason-RFT does not. */
  temperatureInLoss: boolean;
  /**
   * Takes policy, old policy and reference in the loss over the tokens alone that top-k, top-p and min-p left at sampling, so that what is
   * trained is what was sampled (Keep Sampling Mask, DeepSeek-V3.2, arXiv 2512.02556, section 3.1).
   */
  keepSamplingMask: boolean;
  /** The number that advantages are divided by. */
  scaling: RewardScaling;
  /** How several rewards become one advantage. */
  aggregation: Aggregation;
  /** Leaves completions that were cut at `maxNewTokens` out of the loss (DAPO). */
  maskTruncated: boolean;
  /** Share of tokens, those of highest entropy, that the policy term trains on; 1: all (Wang et al. 2025, "Beyond the 80/20 rule"). */
  topEntropyShare: number;
  /** Weight of the mean token entropy subtracted from the loss; 0: none. */
  entropyBonus: number;
  /** Passes over a rollout's completions (TRL's num_iterations). With 1 pass and 1 mini-batch the ratio is 1 and nothing is clipped. */
  updatesPerRollout: number;
  /** Optimizer updates in one pass, each on its share of the prompts; must divide `promptsPerStep`. */
  miniBatches: number;
  /** Prompts whose forward and backward pass runs at once. It trades memory for speed and never changes the result. */
  promptsPerMicroBatch: number;
  /** The backward pass computes each decoder layer again (Chen et al. 2016): less memory, a third more time, the same numbers. */
  gradientCheckpointing: boolean;
  /** Dynamic sampling (DAPO, section 3.2): dead groups are replaced by groups of fresh prompts at most so many times; 0: never. */
  resamplingRounds: number;
  /** Steps between refreshes of the reference model (TR-DPO, Gorbatovski et al. 2024); 0: it never moves. */
  referenceRefreshEvery: number;
  /** Share of the policy in a refreshed reference: reference = share x policy + (1 - share) x reference. */
  referenceMixup: number;
  /** Leaves the vision tower as it is. */
  freezeVision: boolean;
  /** Seed of the order of prompts and of every draw. */
  seed: number;
}

/** Options that every preset leaves off, and how it asks its rewards. */
const OFF = {
  minP: 0,
  ratioLevel: 'token',
  delta: 0,
  sapoTemperaturePositive: 1,
  sapoTemperatureNegative: 1.05,
  vespoExponentPositive: 2,
  vespoDecayPositive: 3,
  vespoExponentNegative: 3,
  vespoDecayNegative: 2,
  offPolicyThreshold: 0,
  unbiasedKl: false,
  keepSamplingMask: false,
  aggregation: 'sum_then_normalize',
  maskTruncated: false,
  topEntropyShare: 1,
  entropyBonus: 0,
  updatesPerRollout: 1,
  miniBatches: 1,
  gradientCheckpointing: false,
  resamplingRounds: 0,
  referenceRefreshEvery: 0,
  referenceMixup: 0.6,
  freezeVision: false,
  ...REWARD_DEFAULTS,
} as const satisfies Partial<GrpoSettings>;

/** The paper's setting, flag by flag (Reason-RFT, `scripts/train`); `steps`, one epoch there, follows from the data. */
export const REASON_RFT_GRPO = deepFreeze({
  ...OFF,
  promptsPerStep: 14,
  completions: 8,
  maxNewTokens: 512,
  schedule: { learningRate: 1e-6, warmupSteps: 0, decay: 'linear' },
  beta: 0.04,
  epsilonLow: 0.2,
  epsilonHigh: 0.2,
  temperature: 0.9,
  topP: 0.9,
  topK: 50,
  temperatureInLoss: false,
  lossType: 'grpo',
  scaling: 'group',
  promptsPerMicroBatch: 1,
  seed: 42,
} as const satisfies Omit<GrpoSettings, 'steps'>);

/** The defaults of TRL's GRPOConfig (1.16): 8 completions a step on one device, which is one prompt. */
export const TRL_GRPO = deepFreeze({
  ...REASON_RFT_GRPO,
  promptsPerStep: 1,
  beta: 0,
  unbiasedKl: true,
  temperature: 1,
  topP: 1,
  topK: 0,
  temperatureInLoss: true,
  lossType: 'dapo',
} as const satisfies Omit<GrpoSettings, 'steps'>);

/** The presets by the names that configurations use. */
export const GRPO_PRESETS = { 'reason-rft': REASON_RFT_GRPO, trl: TRL_GRPO } as const;
export type GrpoPreset = keyof typeof GRPO_PRESETS;

/** @throws Error naming a setting that does not exist, with the nearest one that does, or one that is missing */
export function checkGrpoNames(settings: GrpoSettings): void {
  checkNames(settings, ['steps', ...Object.keys(REASON_RFT_GRPO)], 'setting', 'grpo: ');
  checkScheduleNames(settings.schedule);
}

/** Checks the settings. @throws Error naming the setting that is impossible, does not exist or is missing, and what it must be */
export function checkGrpo(settings: GrpoSettings): void {
  checkGrpoNames(settings);
  checkBounds(settings, 'grpo: ');
  checkSampling(settings);
  checkSchedule(settings.schedule);
  checkRewardSettings(settings);
  const must = (holds: boolean, name: keyof GrpoSettings, rule: string) => {
    if (!holds) throw new Error(`grpo: ${name} must be ${rule}, got ${JSON.stringify(settings[name])}`);
  };
  const oneOf = (name: keyof GrpoSettings, values: readonly string[]) =>
    must(values.includes(settings[name] as string), name, `one of ${values.join(', ')}`);
  const whole = (name: keyof GrpoSettings, least: number) =>
    must(
      Number.isInteger(settings[name]) && (settings[name] as number) >= least,
      name,
      `a whole number of ${least} or more`,
    );
  oneOf('lossType', LOSS_TYPES);
  oneOf('ratioLevel', ['token', 'sequence']);
  oneOf('scaling', REWARD_SCALINGS);
  oneOf('aggregation', AGGREGATIONS);
  for (const name of ['steps', 'promptsPerStep', 'maxNewTokens', 'updatesPerRollout', 'miniBatches'] as const)
    whole(name, 1);
  for (const name of ['promptsPerMicroBatch'] as const) whole(name, 1);
  for (const name of ['resamplingRounds', 'referenceRefreshEvery'] as const) whole(name, 0);
  must(Number.isInteger(settings.seed), 'seed', 'a whole number');
  must(
    Number.isInteger(settings.completions) && settings.completions >= 2,
    'completions',
    '2 or more (the group size: one completion has nothing to compare with)',
  );
  must(
    settings.promptsPerStep % settings.miniBatches === 0,
    'miniBatches',
    `a divisor of promptsPerStep (${settings.promptsPerStep})`,
  );
  must(settings.temperature > 0, 'temperature', 'above 0: at temperature 0 all completions of a group are equal');
  must(settings.beta >= 0, 'beta', '0 or more');
  must(settings.epsilonLow > 0 && settings.epsilonLow < 1, 'epsilonLow', 'in (0, 1)');
  must(settings.epsilonHigh > 0, 'epsilonHigh', 'above 0');
  must(
    settings.lossType !== 'cispo' || settings.epsilonHigh >= 1,
    'epsilonHigh',
    '1 or more with cispo, where it is the bound of the ratio itself (such as 5)',
  );
  must(
    settings.delta === 0 || settings.delta > 1 + settings.epsilonHigh,
    'delta',
    `0 (off) or above 1 + epsilonHigh = ${1 + settings.epsilonHigh}`,
  );
  must(settings.sapoTemperaturePositive > 0, 'sapoTemperaturePositive', 'above 0');
  must(settings.sapoTemperatureNegative > 0, 'sapoTemperatureNegative', 'above 0');
  for (const name of [
    'vespoExponentPositive',
    'vespoDecayPositive',
    'vespoExponentNegative',
    'vespoDecayNegative',
  ] as const)
    must(settings[name] > 0 && settings[name] < Infinity, name, 'above 0, and finite');
  must(
    settings.offPolicyThreshold >= 0 && settings.offPolicyThreshold < Infinity,
    'offPolicyThreshold',
    '0 (off) or above',
  );
  must(typeof settings.unbiasedKl === 'boolean', 'unbiasedKl', 'true or false');
  must(typeof settings.keepSamplingMask === 'boolean', 'keepSamplingMask', 'true or false');
  must(
    !settings.keepSamplingMask || leavesTokensOut(settings),
    'keepSamplingMask',
    'false where topK is 0, topP 1 and minP 0: all tokens are kept then',
  );
  must(settings.topEntropyShare > 0 && settings.topEntropyShare <= 1, 'topEntropyShare', 'above 0 and at most 1');
  must(Number.isFinite(settings.entropyBonus), 'entropyBonus', 'a number');
  must(settings.referenceMixup > 0 && settings.referenceMixup <= 1, 'referenceMixup', 'above 0 and at most 1');
  must(
    settings.referenceRefreshEvery === 0 || settings.beta > 0,
    'referenceRefreshEvery',
    '0 where beta is 0: there is no reference to refresh',
  );
  must(
    !(settings.aggregation === 'normalize_then_sum') || settings.scaling === 'group',
    'scaling',
    'group with normalize_then_sum, which scales by itself',
  );
}
