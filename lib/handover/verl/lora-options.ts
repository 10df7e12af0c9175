/** Our adapters as options of verl's FSDP engine, each setting translated or refused. */
import type { LoraSettings } from '../../model/lora.js';
import { type Translation, type Translations, translate } from '../translation.js';
import { targetModules } from '../trl/lora-options.js';

const MODEL = 'actor_rollout_ref.model';

/** What adapters are multiplied by, times the rank: verl divides by the rank alone. */
function scaleOf({ alpha, rank, rankStabilized }: LoraSettings): number {
  return rankStabilized ? alpha * Math.sqrt(rank) : alpha;
}

/** What each setting of adapters is in verl. */
export const LORA_TRANSLATIONS: Translations<LoraSettings, undefined> = {
  rank: (rank) => ({ options: { [`${MODEL}.lora_rank`]: rank } }),
  alpha: (_, settings) => {
    const scale = scaleOf(settings);
    if (!Number.isInteger(scale))
      return {
        refused: `verl takes a whole number for alpha, and this is ${scale}${settings.rankStabilized ? ' (alpha x sqrt(rank))' : ''}; choose alpha and rank so that it is whole`,
      };
    return {
      options: { [`${MODEL}.lora_alpha`]: scale },
      ...(settings.rankStabilized
        ? { note: `${scale} is alpha x sqrt(rank), as verl divides by the rank and not by its root` }
        : {}),
    };
  },
  rankStabilized: () => ({}),
  targetModules: (modules) => ({
    options: { [`${MODEL}.target_modules`]: targetModules(modules), [`${MODEL}.exclude_modules`]: '.*visual.*' },
  }),
  dropout: (rate) => (rate === 0 ? {} : { refused: "verl's adapters have no dropout; take --lora-dropout 0" }),
  seed: () => ({ note: 'PEFT draws the first matrix with the seed of the run' }),
};

/** @throws Error naming every setting that verl cannot express */
export function loraOptions(settings: LoraSettings): Translation {
  const translation = translate('verl', 'lora', LORA_TRANSLATIONS, settings, undefined);
  // vLLM reads the weights below the adapters from the checkpoint.
  translation.options['actor_rollout_ref.rollout.load_format'] = 'safetensors';
  return translation;
}
