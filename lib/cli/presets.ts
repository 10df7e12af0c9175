/**
 * Where the settings of a run come from: the preset of `--preset`, or else that of the checkpoint, with changes by a file and by options.
 * The nano model's own settings belong to the nano model; another checkpoint gets the paper's.
 */
import type { SamplingSettings } from '../model/sampling.js';
import { checkpointDefaults } from '../model/training-defaults.js';
import { QUICK } from '../study/profile.js';
import { GRPO_PRESETS, type GrpoPreset, type GrpoSettings, REASON_RFT_GRPO } from '../train/grpo-settings.js';
import { REASON_RFT_SFT, type SftSettings } from '../train/sft.js';
import { checkUsage, UsageError } from './usage.js';

/** What holds without `--preset`, for help texts. */
export const PRESET_DEFAULT =
  "(default: what the checkpoint brings: nano for the shipped model and all that was trained from it, else the paper's)";

/** A preset by its name, and in words why it was taken. */
export interface TakenPreset {
  name: string;
  reason: string;
}

/** The preset of a run. @param asked the name that `--preset` gives @param checkpoint the folder of the start */
export function takePreset(asked: string | undefined, checkpoint: string): TakenPreset {
  if (asked !== undefined) return { name: asked, reason: '--preset' };
  const defaults = checkUsage(() => checkpointDefaults(checkpoint));
  if (defaults) return { name: defaults.preset, reason: defaults.file };
  return { name: 'reason-rft', reason: `the paper's, as ${checkpoint} brings no settings of its own` };
}

/** @throws UsageError naming the presets of SFT */
export function sftPreset(name: string): SftSettings {
  if (name === 'nano') return QUICK.cotSft;
  if (name === 'reason-rft') return REASON_RFT_SFT;
  throw new UsageError(`there is no preset '${name}'; choose nano or reason-rft`);
}

/**
 * The settings of a preset of GRPO. But for nano's, a preset has no number of steps: it is 1 here, until `withOnePass` sets it.
 *
 * @param nanoCompletionTokens the longest completion that the nano model needs for the task, if that is known
 * @throws UsageError naming the presets that exist
 */
export function grpoPreset(name: string, nanoCompletionTokens?: number): GrpoSettings {
  if (name === 'nano')
    return { ...QUICK.grpo, ...(nanoCompletionTokens === undefined ? {} : { maxNewTokens: nanoCompletionTokens }) };
  if (!Object.hasOwn(GRPO_PRESETS, name))
    throw new UsageError(`there is no preset '${name}'; choose nano, ${Object.keys(GRPO_PRESETS).join(' or ')}`);
  return { ...GRPO_PRESETS[name as GrpoPreset], steps: 1 };
}

/** The settings with as many steps as one pass over the rows takes, as the paper trains. */
export function withOnePass(settings: GrpoSettings, rows: number): GrpoSettings {
  return { ...settings, steps: Math.ceil(rows / settings.promptsPerStep) };
}

/**
 * How completions of an evaluation are drawn and how long they may be, as the checkpoint needs it, and in words why.
 *
 * @param nanoCompletionTokens the longest completion that the nano model needs for the task, if that is known
 */
export function evaluationSampling(
  checkpoint: string,
  nanoCompletionTokens: number = QUICK.grpo.maxNewTokens,
): { sampling: SamplingSettings & { maxNewTokens: number }; reason: string } {
  const { name, reason } = takePreset(undefined, checkpoint);
  const { temperature, topP, topK, minP, maxNewTokens } = name === 'nano' ? QUICK.grpo : REASON_RFT_GRPO;
  const tokens = name === 'nano' ? nanoCompletionTokens : maxNewTokens;
  return { sampling: { temperature, topP, topK, minP, maxNewTokens: tokens }, reason };
}

/**
 * Which settings a run takes, for its user: the preset with the reason, and what a file and options change.
 *
 * @param changes the names of changed settings by where they come from
 */
export function settingsText(
  { name, reason }: TakenPreset,
  settings: object,
  changes: { readonly [source: string]: readonly string[] },
): string {
  const currentValue = (setting: string) =>
    setting.split('.').reduce<unknown>((value, part) => (value as { [part: string]: unknown })[part], settings);
  const changed = Object.entries(changes)
    .filter(([, names]) => names.length > 0)
    .map(([source, names]) => `${source}: ${names.map((setting) => `${setting} ${currentValue(setting)}`).join(', ')}`);
  return [`settings: preset ${name} (${reason})`, ...changed].join('; ');
}
