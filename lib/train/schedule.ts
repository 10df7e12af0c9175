/** Learning-rate schedules: a linear warm-up, then linear or cosine decay to zero, or none. */
import { checkNames } from '../engine/names.js';

export interface Schedule {
  /** The highest learning rate. */
  learningRate: number;
  /** Steps over which the rate rises linearly from 0. */
  warmupSteps: number;
  decay: 'linear' | 'cosine' | 'constant';
}

/** Every setting of a schedule; the compiler asks for each. */
const FIELDS: { readonly [name in keyof Schedule]: true } = { learningRate: true, warmupSteps: true, decay: true };

/** @throws Error naming a setting that a schedule does not have, or one that is missing */
export function checkScheduleNames(schedule: Schedule): void {
  checkNames(schedule, Object.keys(FIELDS), 'setting', 'schedule: ');
}

/** Checks a schedule. @throws Error naming the setting that is impossible */
export function checkSchedule({ learningRate, warmupSteps, decay }: Schedule): void {
  if (!(learningRate > 0 && learningRate < Infinity))
    throw new Error(`schedule: learningRate must be above 0 and finite, got ${learningRate}`);
  if (!Number.isInteger(warmupSteps) || warmupSteps < 0) {
    throw new Error(`schedule: warmupSteps must be a whole number of 0 or more, got ${warmupSteps}`);
  }
  if (!['linear', 'cosine', 'constant'].includes(decay)) {
    throw new Error(`schedule: decay must be linear, cosine or constant, got '${decay}'`);
  }
}

/**
 * The learning rate of a step, as in transformers' `get_{linear,cosine,constant}_schedule_with_warmup`.
 *
 * @param step the first is 0
 * @param steps of the whole run
 */
export function learningRateAt(schedule: Schedule, step: number, steps: number): number {
  const { learningRate, warmupSteps, decay } = schedule;
  if (step < warmupSteps) return (learningRate * step) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  if (decay === 'linear') return learningRate * (1 - progress);
  if (decay === 'cosine') return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
  return learningRate;
}
