/** Our adapters as arguments of ms-swift, each setting translated or refused. */
import type { LoraSettings } from '../../model/lora.js';
import { option, type Translated, type Translation, type Translations, translate } from '../translation.js';

/** What each setting of adapters is in ms-swift. */
export const LORA_TRANSLATIONS: Translations<LoraSettings, { freezeVision: boolean }> = {
  rank: option('lora_rank'),
  alpha: option('lora_alpha'),
  rankStabilized: option('use_rslora'),
  targetModules: (modules, _, { freezeVision }): Translated => {
    if (modules === 'all-linear') return { options: { target_modules: ['all-linear'] } };
    const pattern = /^\/(.*)\/$/.exec(modules)?.[1];
    const ends = modules.split(',').map((end) => end.trim());
    // With names of modules ms-swift gives the tower adapters whatever is frozen.
    const outside = freezeVision ? '(?!.*visual)' : '';
    if (pattern !== undefined) return { options: { target_regex: `${outside}(?:${pattern})` } };
    return freezeVision
      ? {
          options: {
            target_regex: `${outside}(?:.*\\.)?(?:${ends.map((end) => end.replaceAll('.', '\\.')).join('|')})`,
          },
        }
      : { options: { target_modules: ends } };
  },
  dropout: option('lora_dropout'),
  seed: () => ({ note: 'PEFT draws the first matrix with the seed of the run' }),
};

/**
 * @param freezeVision of the phase that trains the adapters
 * @throws RefusedSettings naming every setting that ms-swift cannot express
 */
export function loraOptions(settings: LoraSettings, freezeVision: boolean): Translation {
  const translation = translate('ms-swift', 'lora', LORA_TRANSLATIONS, settings, { freezeVision });
  Object.assign(translation.options, { lora_bias: 'none' });
  return translation;
}
