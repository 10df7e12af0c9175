/** Our settings of SFT as options of TRL's `SFTConfig` (1.16), each translated or refused. */
import { type SftSettings, sftSteps } from '../../train/sft.js';
import { option, type Translation, type Translations, translate } from '../translation.js';
import { OPTIMIZER_OPTIONS } from './grpo-options.js';
import { scheduleOptions } from './schedule-options.js';

/** What each setting of SFT is in TRL. */
export const SFT_TRANSLATIONS: Translations<SftSettings, { rows: number }> = {
  lossType: option('loss_type'),
  epochs: (_, settings, { rows }) => ({ options: { max_steps: sftSteps(rows, settings) } }),
  batchSize: (size, _, { rows }) =>
    rows < size
      ? { refused: `an update takes ${size} examples, and there are ${rows} rows; lower batchSize` }
      : {
          note: 'the script accumulates gradients until an update has all examples; the last update of a pass may have fewer, where here it goes on into the next pass',
        },
  examplesPerMicroBatch: () => ({
    note: 'the script takes the largest per_device_train_batch_size that is not above it and shares an update evenly',
  }),
  gradientCheckpointing: option('gradient_checkpointing'),
  packTo: (tokens) =>
    tokens === 0
      ? { options: { packing: false, max_length: null } }
      : { refused: 'TRL does not pack rows with pictures; take --sft.packTo 0, which trains the same' },
  schedule: (schedule) => scheduleOptions(schedule, 1),
  weightDecay: option('weight_decay'),
  freezeVision: () => ({ note: '`freeze_vision` of the configuration, which the script sees to' }),
  seed: (seed) =>
    seed < 0 || seed >= 2 ** 32
      ? { refused: 'NumPy takes seeds from 0 to 4294967295' }
      : { options: { seed }, note: 'the same number gives other random draws there' },
};

/**
 * The options of `SFTConfig`, but for those that depend on the number of devices.
 *
 * @param rows the number of examples
 * @throws RefusedSettings naming every setting that TRL cannot express
 */
export function sftOptions(settings: SftSettings, rows: number): Translation {
  const translation = translate('TRL', 'sft', SFT_TRANSLATIONS, settings, { rows });
  Object.assign(translation.options, {
    ...OPTIMIZER_OPTIONS,
    completion_only_loss: true,
    ...{ logging_steps: 1, save_strategy: 'steps', save_steps: 100, save_total_limit: 2 },
  });
  return translation;
}
