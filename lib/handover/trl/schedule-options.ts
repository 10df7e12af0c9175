/** Our learning rate in the options of transformers' Trainer. */
import type { Schedule } from '../../train/schedule.js';
import type { Translated, Translations } from '../translation.js';

/** The names of transformers' schedules, which compute what ours do. */
const DECAYS: { readonly [decay in Schedule['decay']]: string } = {
  linear: 'linear',
  cosine: 'cosine',
  constant: 'constant_with_warmup',
};

const TABLE: Translations<Schedule, { updates: number }> = {
  learningRate: (rate) => ({ options: { learning_rate: rate } }),
  warmupSteps: (steps, _, { updates }) => ({ options: { warmup_steps: steps * updates } }),
  decay: (decay) => ({ options: { lr_scheduler_type: DECAYS[decay] } }),
};

/** @param updates optimizer updates of one of our steps, over which the rate stays the same here */
export function scheduleOptions(schedule: Schedule, updates: number): Translated {
  const parts = (Object.keys(TABLE) as (keyof Schedule)[]).map((name) =>
    (TABLE[name] as (value: unknown, settings: Schedule, context: { updates: number }) => Translated)(
      schedule[name],
      schedule,
      { updates },
    ),
  );
  const options = Object.assign({}, ...parts.map((part) => part.options)) as Translated['options'];
  const isFlat = schedule.decay === 'constant' && schedule.warmupSteps === 0;
  return updates === 1 || isFlat
    ? { options }
    : { options, note: `the script holds the rate over the ${updates} updates of a rollout, as it is here` };
}
