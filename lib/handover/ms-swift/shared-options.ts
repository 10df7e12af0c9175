/** Arguments of ms-swift that both phases share. */
import type { Translated } from '../translation.js';

/** How a run is logged and saved, and what of its rows is left as it is. */
export const RUN_OPTIONS = {
  logging_steps: 1,
  report_to: ['tensorboard'],
  save_strategy: 'steps',
  save_total_limit: 2,
  add_version: false,
  // All rows are trained on, and one that cannot be read is an error and not left out.
  ...{ split_dataset_ratio: 0, strict: true },
  warmup_ratio: 0,
} as const;

/** The tower and its merger, which is the aligner there. */
export function freezeOptions(freeze: boolean): NonNullable<Translated['options']> {
  return { freeze_llm: false, freeze_vit: freeze, freeze_aligner: freeze };
}

export function seedOption(seed: number): Translated {
  return seed < 0 || seed >= 2 ** 32
    ? { refused: 'NumPy takes seeds from 0 to 4294967295' }
    : { options: { seed, data_seed: seed }, note: 'the same number gives other random draws there' };
}
