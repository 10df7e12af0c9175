/** Our adapters as PEFT's `LoraConfig`, each setting translated or refused. */
import type { LoraSettings } from '../../model/lora.js';
import { option, type Translation, type Translations, translate } from '../translation.js';

/** What each setting of adapters is in PEFT. */
export const LORA_TRANSLATIONS: Translations<LoraSettings, { freezeVision: boolean }> = {
  rank: option('r'),
  alpha: option('lora_alpha'),
  rankStabilized: option('use_rslora'),
  targetModules: (modules, _, { freezeVision }) => ({
    options: {
      target_modules: targetModules(modules),
      // Adapters of a part that does not train would only take memory.
      ...(freezeVision ? { exclude_modules: '.*visual.*' } : {}),
    },
  }),
  dropout: (rate) => ({
    options: { lora_dropout: rate },
    ...(rate === 0
      ? {}
      : {
          note: 'TRL drops out in the log-probabilities of the old policy too, and in completions that transformers draws; here in the pass that trains alone',
        }),
  }),
  seed: () => ({ note: 'PEFT draws the first matrix with the seed of the run' }),
};

/** PEFT takes the ends of names as a list, and a text as a regular expression that a whole name must match, or as `all-linear`. */
export function targetModules(modules: string): string | string[] {
  const pattern = /^\/(.*)\/$/.exec(modules)?.[1];
  if (modules === 'all-linear' || pattern !== undefined) return pattern ?? modules;
  return modules.split(',').map((end) => end.trim());
}

/** @param freezeVision of the phase that trains the adapters */
export function loraOptions(settings: LoraSettings, freezeVision: boolean): Translation {
  const translation = translate('TRL', 'lora', LORA_TRANSLATIONS, settings, { freezeVision });
  Object.assign(translation.options, { bias: 'none', task_type: 'CAUSAL_LM' });
  return translation;
}
