/**
 * What becomes of our settings in another trainer. Each trainer has a table that names every setting of ours, so that a new setting does
 * not compile until somebody has said what it is there, or that it is refused.
 */
import type { Json } from '../train/run-configuration.js';

/** What one setting becomes. */
export interface Translated {
  /** Options of the other trainer, by their names there. */
  options?: { readonly [option: string]: Json };
  /** Why the other trainer cannot do what is asked, and what to ask instead. */
  refused?: string;
  /** In what the meaning there differs a little, or where in the folder the setting has gone. It stands in the folder's README. */
  note?: string;
}

/** A table of all settings: what each becomes, by its value, all settings and what else the trainer has to know. */
export type Translations<Settings, Context> = {
  readonly [name in keyof Settings]-?: (value: Settings[name], settings: Settings, context: Context) => Translated;
};

/** All settings in another trainer's words. */
export interface Translation {
  options: { [option: string]: Json };
  /** What to know of a setting, by its name here. */
  notes: { [setting: string]: string };
}

/** The settings that a trainer cannot express, one in each line. */
export class RefusedSettings extends Error {}

/**
 * Translates all settings.
 *
 * @param trainer its name, for messages
 * @param part which settings these are, such as `grpo`
 * @throws RefusedSettings naming every setting that the trainer cannot express, with its value and what to do
 */
export function translate<Settings extends object, Context>(
  trainer: string,
  part: string,
  table: Translations<Settings, Context>,
  settings: Settings,
  context: Context,
): Translation {
  const translation: Translation = { options: {}, notes: {} };
  const refusals: string[] = [];
  for (const name of Object.keys(table) as (keyof Settings & string)[]) {
    const { options, refused, note } = table[name](settings[name], settings, context);
    if (refused !== undefined) refusals.push(`${part}: ${name} ${JSON.stringify(settings[name])}: ${refused}`);
    if (note !== undefined) translation.notes[name] = note;
    for (const [option, value] of Object.entries(options ?? {})) {
      if (Object.hasOwn(translation.options, option))
        throw new Error(`two settings become ${trainer}'s option ${option}; ${name} is the second`);
      translation.options[option] = value;
    }
  }
  if (refusals.length > 0)
    throw new RefusedSettings(`${trainer} cannot train with these settings:\n${refusals.join('\n')}`);
  return translation;
}

/** The notes of all phases for one page: those of GRPO under the setting's name, others behind their phase, such as `lora.dropout`. */
export function namedNotes({ grpo, ...others }: { grpo: Translation; [phase: string]: Translation | undefined }): {
  [setting: string]: string;
} {
  const notes = { ...grpo.notes };
  for (const [phase, translation] of Object.entries(others))
    for (const [setting, note] of Object.entries(translation?.notes ?? {})) notes[`${phase}.${setting}`] = note;
  return notes;
}

/** A setting that becomes an option of the same meaning. */
export function option<Value extends Json>(name: string): (value: Value) => Translated {
  return (value) => ({ options: { [name]: value } });
}
