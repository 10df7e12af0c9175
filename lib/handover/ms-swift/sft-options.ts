/** Our settings of SFT as arguments of `swift sft` (ms-swift 4.6.0), each translated or refused. */
import { type SftSettings, sftSteps } from '../../train/sft.js';
import { option, type Translation, type Translations, translate } from '../translation.js';
import { OPTIMIZER_OPTIONS } from '../trl/grpo-options.js';
import { scheduleOptions } from '../trl/schedule-options.js';
import { freezeOptions, RUN_OPTIONS, seedOption } from './shared-options.js';

/** What each setting of SFT is in ms-swift. */
export const SFT_TRANSLATIONS: Translations<SftSettings, { rows: number }> = {
  lossType: (type) => ({
    options: { enable_dft_loss: type === 'dft' },
    note: 'ms-swift also trains the line break that the chat template writes behind the end of a turn',
  }),
  epochs: (_, settings, { rows }) => ({ options: { max_steps: sftSteps(rows, settings) } }),
  batchSize: (size, _, { rows }) =>
    rows < size
      ? { refused: `an update takes ${size} examples, and there are ${rows} rows; lower batchSize` }
      : {
          note: '`train.py` accumulates gradients until an update has all examples; the last update of a pass may have fewer, where here it goes on into the next pass',
        },
  examplesPerMicroBatch: () => ({
    note: '`train.py` takes the largest per_device_train_batch_size that is not above it and shares an update evenly',
  }),
  gradientCheckpointing: option('gradient_checkpointing'),
  packTo: (tokens) =>
    tokens === 0
      ? { options: { packing: false } }
      : {
          refused:
            'packing of ms-swift needs flash-attn and a length of its own; take --sft.packTo 0, which trains the same',
        },
  schedule: (schedule) => scheduleOptions(schedule, 1),
  weightDecay: option('weight_decay'),
  freezeVision: (freeze) => ({ options: freezeOptions(freeze) }),
  seed: seedOption,
};

/**
 * The arguments, but for those that depend on the number of devices or on where the folder lies.
 *
 * @param rows the number of examples
 * @throws RefusedSettings naming every setting that ms-swift cannot express
 */
export function sftOptions(settings: SftSettings, rows: number): Translation {
  const translation = translate('ms-swift', 'sft', SFT_TRANSLATIONS, settings, { rows });
  Object.assign(translation.options, {
    ...{ ...OPTIMIZER_OPTIONS, ...RUN_OPTIONS },
    ...{ loss_scale: 'last_round', train_dataloader_shuffle: true, save_steps: 100 },
  });
  return translation;
}
