/** Writes settings as a few changes of a whole set: `grpoSettings({ steps: 60, beta: 0.01 })`. An editor offers their names inside. */
import { checkGrpo, type GrpoSettings, REASON_RFT_GRPO } from './grpo-settings.js';
import type { Schedule } from './schedule.js';
import { checkSft, REASON_RFT_SFT, type SftSettings } from './sft.js';

/** Some of the settings; of the schedule too, some alone. */
export type SettingsChanges<T extends { schedule: Schedule }> = Partial<Omit<T, 'schedule'>> & {
  schedule?: Partial<Schedule>;
};

/**
 * The settings of a GRPO run: those of a base, with some changed.
 *
 * @param changes `steps` must be among them where the base has none, as the presets
 * @param base default: the paper's, `REASON_RFT_GRPO`
 * @returns a copy of its own, which no other run shares
 * @throws Error naming a setting that does not exist, is missing or cannot be, and what would be right
 */
export function grpoSettings(
  changes: SettingsChanges<GrpoSettings>,
  base: Omit<GrpoSettings, 'steps'> & { steps?: number } = REASON_RFT_GRPO,
): GrpoSettings {
  const settings = changed(base, changes) as GrpoSettings;
  checkGrpo(settings);
  return settings;
}

/**
 * The settings of an SFT run: those of a base, with some changed.
 *
 * @param base default: the paper's, `REASON_RFT_SFT`
 * @returns a copy of its own, which no other run shares
 * @throws Error naming a setting that does not exist or cannot be, and what would be right
 */
export function sftSettings(changes: SettingsChanges<SftSettings>, base: SftSettings = REASON_RFT_SFT): SftSettings {
  const settings = changed(base, changes) as SftSettings;
  checkSft(settings);
  return settings;
}

function changed(base: { readonly schedule: Schedule }, changes: { schedule?: Partial<Schedule> }): object {
  return structuredClone({ ...base, ...changes, schedule: { ...base.schedule, ...changes.schedule } });
}
