/**
 * The metrics of other trainers under the names of this kit, which are TRL's (`train/README.md`). A name that stands in no table here is
 * kept as it is.
 */

/** The trainers whose logs can be taken back; `trl` stands for every program on transformers' Trainer, LLaMA-Factory among them. */
export type OtherTrainer = 'trl' | 'ms-swift' | 'verl';

/** Where a number belongs: to what is learned, or to what the clock and the machine say of the step. */
export interface PlacedName {
  name: string;
  log: 'metrics' | 'timing';
}

/** verl 0.9 (verl/trainer/ppo/metric_utils.py, verl/workers/utils/losses.py). */
const VERL: { readonly [name: string]: string } = {
  // The score is what the reward function gave; critic/rewards has a KL penalty taken off, where one is asked for.
  'critic/score/mean': 'reward',
  // actor/pg_loss, its policy term alone, keeps its name.
  'actor/loss': 'loss',
  'actor/kl_loss': 'kl',
  'actor/entropy': 'entropy',
  'actor/grad_norm': 'grad_norm',
  'actor/lr': 'learning_rate',
  'actor/pg_clipfrac': 'clip_ratio/region_mean',
  'response_length/mean': 'completions/mean_length',
  'response_length/min': 'completions/min_length',
  'response_length/max': 'completions/max_length',
  'response_length/clip_ratio': 'completions/clipped_ratio',
  'training/epoch': 'epoch',
  'perf/time_per_step': 'step_time',
  // Its trainer of SFT (verl/trainer/sft_trainer.py).
  'train/loss': 'loss',
  'train/grad_norm': 'grad_norm',
  'train/lr': 'learning_rate',
  'val/loss': 'eval_loss',
};

/** ms-swift 4.6 (swift/rlhf_trainers/grpo_trainer.py, swift/trainers/). What is not here has TRL's names there too. */
const SWIFT: { readonly [name: string]: string } = {
  'entropy/mean': 'entropy',
  token_acc: 'mean_token_accuracy',
  eval_token_acc: 'eval_mean_token_accuracy',
};

/** transformers' Trainer. TRL's own names are ours. */
const TRANSFORMERS: { readonly [name: string]: string } = { num_input_tokens_seen: 'num_tokens' };

const RENAMED = { trl: TRANSFORMERS, 'ms-swift': { ...TRANSFORMERS, ...SWIFT }, verl: VERL } as const;

/** What the clock and the machine say. */
const OF_THE_MACHINE =
  /^(step_time|time|peak_memory|perf\/.*|timing_s\/.*|timing_per_token_ms\/.*|memory\(GiB\)|train_speed\(.*\)|.*_runtime|.*_per_second|.*_flos)$/;

/** The name that a trainer's metric has here. */
export function ownName(trainer: OtherTrainer, name: string): PlacedName {
  const renamed: { readonly [name: string]: string } = RENAMED[trainer];
  const own = Object.hasOwn(renamed, name) ? renamed[name]! : name;
  return { name: own, log: OF_THE_MACHINE.test(own) ? 'timing' : 'metrics' };
}

/** Metrics that this kit logs itself (`train/README.md`), for telling those that only the other trainer knows. */
const KNOWN =
  /^(loss|reward|reward_std|(?:eval_)?rewards\/.+\/.+|frac_reward_zero_std|kl|entropy|clip_ratio\/(?:low|high|region)_mean|cispo_clip_ratio|completions\/(?:(?:mean|min|max)(?:_terminated)?_length|clipped_ratio)|grad_norm|learning_rate|num_tokens|epoch|mean_token_accuracy|step_time|time|peak_memory|eval_(?:accuracy|reward|format|runtime|pass@.+))$/;

/** Whether the kit logs a metric of this name. */
export function isKnownMetric(name: string): boolean {
  return KNOWN.test(name);
}
