/** Reads `trainer_state.json`, in which transformers' Trainer, TRL and ms-swift keep their log, and the texts that they put into event files. */
import { readFileSync } from 'node:fs';
import type { EventContent } from './event-reader.js';
import { fieldsOf, parsePythonJson } from './python-json.js';
import type { StepLog } from './step-log.js';

/** What a file says beside its steps. */
export interface LoggedRun {
  /** The steps of the whole run. */
  steps?: number;
  /** Settings, as the other trainer recorded them. */
  settings?: { [name: string]: unknown };
  /** Numbers of the run as a whole, such as its seconds. */
  summary?: { [name: string]: number };
}

/** The last entry of a log is of the whole run; it has this field. */
const OF_THE_RUN = 'train_runtime';

/**
 * Adds the log of a `trainer_state.json`.
 *
 * @throws Error naming the file and what in it is not as transformers writes it
 */
export function addTrainerState(log: StepLog, file: string): LoggedRun {
  const remedy = 'copy it anew from where it was trained, or name the folder of an older checkpoint';
  let state: { [field: string]: unknown } | undefined;
  try {
    state = fieldsOf(parsePythonJson(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} is no JSON (${(error as Error).message}): ${remedy}`);
  }
  const entries = state?.log_history;
  if (!Array.isArray(entries)) throw new Error(`${file} has no log_history, so it is none of transformers': ${remedy}`);
  const summary: { [name: string]: number } = {};
  for (const [i, value] of entries.entries()) {
    const { step, ...values } = fieldsOf(value) ?? {};
    if (typeof step !== 'number' || !Number.isInteger(step) || step < 0)
      throw new Error(`${file}: entry ${i + 1} of log_history has no step (${JSON.stringify(value)}): ${remedy}`);
    if (OF_THE_RUN in values) Object.assign(summary, onlyNumbers(values));
    else log.add(step, values);
  }
  const { max_steps: steps, log_history: _, stateful_callbacks: __, ...rest } = state!;
  return { steps: typeof steps === 'number' && steps > 0 ? steps : undefined, settings: plainFields(rest), summary };
}

/** The settings that transformers' TensorBoard callback writes as texts: its arguments, and the model's configuration. */
export function settingsFromTexts(texts: EventContent['texts']): { [name: string]: unknown } {
  const settings: { [name: string]: unknown } = {};
  for (const name of ['args', 'model_config']) {
    const text = texts[`${name}/text_summary`];
    if (text === undefined) continue;
    try {
      settings[name] = parsePythonJson(text);
    } catch {
      // A text of somebody else's under this tag is no settings.
    }
  }
  return settings;
}

function onlyNumbers(values: { [name: string]: unknown }): { [name: string]: number } {
  const numbers = Object.entries(values).filter(([, value]) => typeof value === 'number' && Number.isFinite(value));
  return Object.fromEntries(numbers) as { [name: string]: number };
}

/** The fields that are no lists and no objects. */
function plainFields(values: { [name: string]: unknown }): { [name: string]: unknown } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && typeof value !== 'object'));
}
