/**
 * The random-reward control: a coin in place of a judgement. What a policy gains from it (with some models much: Shao et al.
 * 2025, "Spurious Rewards") no reward function may claim as its own.
 */
import { Random } from '../engine/random.js';

/**
 * 1 or 0, each with probability 1/2, whatever the completion says.
 *
 * @param input.randomKey a text of seed, step, prompt and completion, so that a repeated run tosses the same coins
 */
export function randomReward({ randomKey }: { randomKey: string }): number {
  return new Random(0, `random reward/${randomKey}`).uniform() < 0.5 ? 1 : 0;
}
