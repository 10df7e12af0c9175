/** Takes a run of another trainer back: what TRL, ms-swift or verl have logged becomes a run directory of this kit. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileDigest } from '../engine/file-digest.js';
import type { LoggedCompletion } from '../train/completions.js';
import type { Json } from '../train/run-configuration.js';
import { type EventContent, readEventFile } from './event-reader.js';
import { chooseCheckpoint, mergeAdvice, type TakenCheckpoint } from './find-checkpoint.js';
import { type FoundLogs, findLogs } from './find-logs.js';
import type { OtherTrainer } from './metric-names.js';
import { baseModelOf, type RecordedSettings, readSettings, recordable, settingNamed } from './recorded-settings.js';
import { type LogRemarks, StepLog } from './step-log.js';
import { addSwiftLog } from './swift-log.js';
import {
  type CompletionContext,
  readSwiftCompletions,
  readTrlCompletions,
  readVerlRollouts,
  type TakenCompletions,
} from './taken-completions.js';
import { addTrainerState, type LoggedRun, settingsFromTexts } from './transformers-log.js';
import { addVerlConsole, addVerlLog } from './verl-log.js';
import { writeTakenRun } from './write-taken-run.js';

/** What was taken back. */
export interface TakenBack extends LogRemarks {
  /** The run directory. */
  run: string;
  trainer: OtherTrainer;
  /** The base model, as the other trainer names it. */
  base?: string;
  /** Steps that were logged, and the steps of the whole run. */
  logged: number;
  steps: number;
  /** Completions that were logged. */
  completions: number;
  /** Columns of the completions that have no place in a table of completions here. */
  columnsLeftOut: string[];
  checkpoint?: TakenCheckpoint;
  /** What is left to do, in words. */
  advice: string[];
}

/**
 * Makes a run directory of what another trainer has logged. The curves, live plots and pages of a run of this kit work on it too. The
 * checkpoint stays where it lies: `evaluate` takes its folder. When the directory holds what was taken back from the same places before,
 * it is brought up to date.
 *
 * @param places folders of the other trainer's, which are searched with all folders in them, and files such as the output of verl's console
 * @param out the run directory
 * @throws Error naming the file and what to do: where there is no log, where there are logs of several runs, where a file is damaged, where
 *   `out` holds something else. Nothing is written then
 */
export async function takeBack(places: readonly string[], out: string): Promise<TakenBack> {
  if (places.length === 0) throw new Error('name the folder that the other trainer wrote into');
  const from = places.map((place) => path.resolve(place));
  const found = findLogs(places);
  checkOneRun(found, places);
  const events = found.events.map(readEventFile);
  const trainer = trainerOf(found, events);
  const log = new StepLog(trainer);
  const logged = addLogs(log, found, events);
  if (log.metrics().length === 0) throw new Error(nothingText(found, places));
  const settings = settingsOf(found, events, logged);
  const completions = await readCompletions(found, contextOf(log, settings));
  supplementRewards(log, completions);
  const checkpoint = chooseCheckpoint(found, places);
  const base = baseModelOf(settings, checkpoint?.folder);
  const last = log.metrics().at(-1)!.step;
  const steps = Math.max(last, ...logged.map((run) => run.steps ?? 0));
  const summary = Object.assign({}, ...logged.map((run) => run.summary)) as { [name: string]: number };
  const configuration = {
    kind: 'taken-back',
    ...{ trainer, from, ...(base === undefined ? {} : { base }), settings },
    files: digestsOf(found),
  } as Json;
  await writeTakenRun(out, {
    ...{ configuration, steps, log, completions: completions.steps },
    result: { steps: last, ...(checkpoint ? { checkpoint: checkpoint.folder, kind: checkpoint.kind } : {}), summary },
  });
  const advice = mergeAdvice(found);
  return {
    ...{ run: out, trainer, ...(base === undefined ? {} : { base }), logged: log.metrics().length, steps },
    completions: [...completions.steps.values()].reduce((sum, rows) => sum + rows.length, 0),
    columnsLeftOut: completions.leftOut,
    ...(checkpoint ? { checkpoint } : {}),
    advice: checkpoint || advice === undefined ? [] : [advice],
    ...log.remarks(),
  };
}

/** The folder that a trainer on transformers wrote into, of a file that lies in it or in one of its checkpoints. */
function outputFolder(file: string): string {
  const folder = path.dirname(file);
  return /^checkpoint-\d+$/.test(path.basename(folder)) ? path.dirname(folder) : folder;
}

/** @throws Error when the places hold the logs of more than one run */
function checkOneRun(found: FoundLogs, places: readonly string[]): void {
  const outputs = [...found.trainerStates.map(outputFolder), ...found.swiftLogs.map((file) => path.dirname(file))];
  const rollouts = rolloutFolders(found);
  const kinds: [string, readonly string[]][] = [
    ['runs', [...new Set(outputs)]],
    // The kit's folder for verl names the log of each start by its time.
    [
      "logs of verl's file logger",
      [...new Set(found.verlLogs.map((file) => file.replace(/log-\d{8}-\d{6}\.jsonl$/, '')))],
    ],
    ["outputs with lines of verl's console logger", found.verlLogs.length > 0 ? [] : found.verlConsoles],
    ["folders of verl's rollouts", rollouts],
    ['tables of TRL’s completions', [...new Set(found.trlCompletions.map((file) => path.dirname(file)))]],
    ["files of ms-swift's completions", found.swiftCompletions],
  ];
  for (const [kind, several] of kinds) {
    if (several.length > 1)
      throw new Error(
        `${places.join(', ')} holds ${several.length} ${kind}: ${several.join(', ')}; name the one to take back`,
      );
  }
}

/** The folders that verl dumped rollouts into. It dumps those of a validation in the same form, into a folder of their own. */
function rolloutFolders({ verlRollouts }: FoundLogs): string[] {
  const folders = [...new Set(verlRollouts.map((file) => path.dirname(file)))];
  const training = folders.filter((folder) => !/val/i.test(path.basename(folder)));
  return training.length > 0 ? training : folders;
}

function trainerOf(found: FoundLogs, events: readonly EventContent[]): OtherTrainer {
  if (found.verlLogs.length + found.verlConsoles.length + found.verlRollouts.length > 0) return 'verl';
  if (found.swiftLogs.length + found.swiftCompletions.length > 0) return 'ms-swift';
  const isVerl = events.some(({ scalars }) => scalars.some(({ tag }) => /^(actor|critic)\//.test(tag)));
  return isVerl ? 'verl' : 'trl';
}

/** Adds all logs. What is written in decimal digits comes after event files, whose numbers have seven digits. */
function addLogs(log: StepLog, found: FoundLogs, events: readonly EventContent[]): LoggedRun[] {
  const summary = addEvents(log, events);
  for (const file of found.verlLogs) addVerlLog(log, file);
  if (found.verlLogs.length === 0) for (const file of found.verlConsoles) addVerlConsole(log, file);
  const swift = found.swiftLogs.map((file) => addSwiftLog(log, file));
  // The state of the newest checkpoint has the whole log.
  const states = found.trainerStates.slice(-1).map((file) => addTrainerState(log, file));
  return [{ summary }, ...swift, ...states];
}

/** Numbers that transformers logs once, at the end of a run. */
const OF_THE_RUN = /^(train_runtime|train_samples_per_second|train_steps_per_second|train_loss|total_flos)$/;

/** Adds scalars. Their tags begin with `train/` or `eval/` where transformers wrote them; verl's are the metrics' names. */
function addEvents(log: StepLog, events: readonly EventContent[]): { [name: string]: number } {
  const summary: { [name: string]: number } = {};
  const isVerl = log.trainer === 'verl';
  for (const { scalars } of events) {
    for (const { tag, step, time, value } of scalars) {
      const name = isVerl ? tag : tag.replace(/^train\//, '').replace(/^eval\//, 'eval_');
      if (!isVerl && OF_THE_RUN.test(name)) summary[name] = value;
      else log.add(step, { [name]: value, time });
    }
  }
  return summary;
}

function settingsOf(found: FoundLogs, events: readonly EventContent[], logged: readonly LoggedRun[]): RecordedSettings {
  const texts = Object.assign({}, ...events.map((content) => content.texts)) as EventContent['texts'];
  const states = logged.flatMap((run) => (run.settings ? [run.settings] : []));
  const state: RecordedSettings = states.length > 0 ? { 'trainer_state.json': recordable(states.at(-1)) } : {};
  return { ...(recordable(settingsFromTexts(texts)) as RecordedSettings), ...readSettings(found.settings), ...state };
}

function contextOf(log: StepLog, settings: RecordedSettings): CompletionContext {
  const names = log.metrics().flatMap((row) => Object.keys(row));
  const rewards = names.flatMap((name) => /^rewards\/(.+)\/mean$/.exec(name)?.[1] ?? []);
  const weights = handedOverWeights(settings, rewards) ?? settingNamed(settings, 'reward_weights');
  const size = settingNamed(settings, 'num_generations');
  const rewardNames = new Set(rewards);
  // TRL and ms-swift weigh each reward with 1 where nobody says otherwise.
  const ones = typeof size === 'number' || rewardNames.size === 1 ? [...rewardNames].map(() => 1) : undefined;
  return {
    rewardNames,
    weights: Array.isArray(weights) ? (weights as number[]) : ones,
    groupSize: typeof size === 'number' ? size : undefined,
  };
}

/** The weights that the kit has handed over, in the order of the names; undefined where it has not. */
function handedOverWeights(settings: RecordedSettings, names: readonly string[]): number[] | undefined {
  const list = settings['experiment.json'] && settingNamed(settings['experiment.json'], 'rewards');
  if (!Array.isArray(list)) return undefined;
  const weights = new Map(list.map((reward) => [settingNamed(reward, 'name'), settingNamed(reward, 'weight')]));
  const ordered = [...new Set(names)].map((name) => weights.get(name));
  return ordered.every((weight) => typeof weight === 'number') ? (ordered as number[]) : undefined;
}

async function readCompletions(found: FoundLogs, context: CompletionContext): Promise<TakenCompletions> {
  if (found.verlRollouts.length > 0) {
    const folders = rolloutFolders(found);
    return readVerlRollouts(
      found.verlRollouts.filter((file) => folders.includes(path.dirname(file))),
      context,
    );
  }
  const [swift] = found.swiftCompletions;
  return swift === undefined ? readTrlCompletions(found.trlCompletions, context) : readSwiftCompletions(swift, context);
}

/** Adds the mean of each reward of a step, where only the completions have it: verl logs the sum alone. */
function supplementRewards(log: StepLog, { steps }: TakenCompletions): void {
  for (const [step, rows] of steps) {
    for (const [name, value] of Object.entries(meanRewards(rows))) {
      if (log.metricsOf(step)) log.supplement(step, `rewards/${name}/mean`, value);
    }
  }
}

function meanRewards(rows: readonly LoggedCompletion[]): { [name: string]: number } {
  const names = new Set(rows.flatMap((row) => Object.keys(row.rewards)));
  const means = [...names].flatMap((name) => {
    const values = rows.flatMap((row) => row.rewards[name] ?? []);
    return values.length === 0 ? [] : [[name, values.reduce((sum, value) => sum + value, 0) / values.length]];
  });
  return Object.fromEntries(means) as { [name: string]: number };
}

/** The digests of the files that a run was taken from. */
function digestsOf(found: FoundLogs): { [file: string]: string } {
  const { checkpoints: _, verlShards: __, ...files } = found;
  return Object.fromEntries(
    Object.values(files)
      .flat()
      .map((file) => [file, fileDigest(file)]),
  );
}

function nothingText(found: FoundLogs, places: readonly string[]): string {
  const where = places.join(', ');
  const seen = Object.values(found)
    .flat()
    .filter((file) => existsSync(file));
  if (seen.length > 0)
    return `${where} has logged no step yet (${seen[0]} is there); take it back once the first step is done`;
  return (
    `${where} holds no log of another trainer: no trainer_state.json (transformers, TRL), no logging.jsonl (ms-swift), no JSON Lines or ` +
    "output of verl's loggers, no event files of TensorBoard; name the folder that the trainer wrote into"
  );
}
