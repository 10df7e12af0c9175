/** How transformers' trainers move the reference model: TRL's options, which ms-swift has too. */
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { Experiment } from '../experiment.js';
import type { Translated } from '../translation.js';

/**
 * `referenceRefreshEvery` as `sync_ref_model` and `ref_model_sync_steps`. Steps there are optimizer updates.
 *
 * @param trainer its name, for the refusal
 * @param updates optimizer updates of one of our steps
 */
export function referenceOptions(
  trainer: string,
  every: GrpoSettings['referenceRefreshEvery'],
  updates: number,
  lora: Experiment['lora'],
): Translated {
  if (every === 0) return { options: { sync_ref_model: false } };
  if (lora)
    return {
      refused: `${trainer} cannot move the reference of adapters, which is the model below them; take --referenceRefreshEvery 0`,
    };
  return { options: { sync_ref_model: true, ref_model_sync_steps: every * updates } };
}
