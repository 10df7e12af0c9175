/** Our learning rate in the options of verl's FSDP engine, which holds it over all updates of a step as we do. */
import type { Schedule } from '../../train/schedule.js';
import type { Translated, Translations } from '../translation.js';

const OPTIM = 'actor_rollout_ref.actor.optim';

const TABLE: Translations<Schedule, undefined> = {
  learningRate: (rate) => ({ options: { [`${OPTIM}.lr`]: rate } }),
  warmupSteps: (steps) => ({ options: { [`${OPTIM}.lr_warmup_steps`]: steps, [`${OPTIM}.lr_warmup_steps_ratio`]: 0 } }),
  decay: (decay) =>
    decay === 'linear'
      ? {
          refused:
            "verl's rate is constant or falls as a cosine; take --schedule.decay cosine or --schedule.decay constant, or hand over to TRL or ms-swift",
        }
      : {
          options: {
            [`${OPTIM}.lr_scheduler_type`]: decay,
            [`${OPTIM}.min_lr_ratio`]: 0,
            [`${OPTIM}.num_cycles`]: 0.5,
          },
        },
};

/** The whole schedule as one setting. */
export function scheduleOptions(schedule: Schedule): Translated {
  const parts = [
    TABLE.learningRate(schedule.learningRate, schedule, undefined),
    TABLE.warmupSteps(schedule.warmupSteps, schedule, undefined),
    TABLE.decay(schedule.decay, schedule, undefined),
  ];
  const refused = parts.find((part) => part.refused !== undefined)?.refused;
  if (refused !== undefined) return { refused };
  return { options: Object.assign({}, ...parts.map(({ options }) => options)) as Translated['options'] };
}
