/** Finds what another trainer has left in a folder: logs, completions, settings and checkpoints, known by their names and first lines. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { fieldsOf, parsePythonJson } from './python-json.js';
import { isVerlConsole } from './verl-log.js';

/** The files of one run, sorted by their names. */
export interface FoundLogs {
  /** `trainer_state.json` of transformers' Trainer, one in each checkpoint. */
  trainerStates: string[];
  /** ms-swift's `logging.jsonl`. */
  swiftLogs: string[];
  /** ms-swift's `completions.jsonl`. */
  swiftCompletions: string[];
  /** TRL's `completions/completions_00012.parquet`. */
  trlCompletions: string[];
  /** The files of verl's file logger. */
  verlLogs: string[];
  /** Outputs that hold lines of verl's console logger. */
  verlConsoles: string[];
  /** verl's `12.jsonl`, from `trainer.rollout_data_dir`. */
  verlRollouts: string[];
  /** TensorBoard's event files. */
  events: string[];
  /** ms-swift's `args.json`, and Hydra's `config.yaml`, which verl leaves. */
  settings: string[];
  /** Folders that hold a model or adapters. */
  checkpoints: string[];
  /** verl's checkpoints whose weights still lie in pieces, one for each GPU. */
  verlShards: string[];
}

/** So many folders deep a run is looked for. */
const DEEPEST = 6;

/** Folders that hold no logs of a training. */
const PASSED_OVER = /^(node_modules|__pycache__|wandb|\.git|\.venv|images)$/;

/**
 * Looks for the files of a run.
 *
 * @param places folders, which are searched with all folders in them, and files
 * @throws Error naming a place that does not exist
 */
export function findLogs(places: readonly string[]): FoundLogs {
  const found: FoundLogs = {
    ...{ trainerStates: [], swiftLogs: [], swiftCompletions: [], trlCompletions: [], verlLogs: [], verlConsoles: [] },
    ...{ verlRollouts: [], events: [], settings: [], checkpoints: [], verlShards: [] },
  };
  for (const place of places) {
    if (!existsSync(place)) throw new Error(`there is no ${place}; name the folder that the other trainer wrote into`);
    if (statSync(place).isDirectory()) searchFolder(path.resolve(place), 0, found);
    else addFile(path.resolve(place), found, true);
  }
  found.settings.push(...places.flatMap(handedOver));
  for (const files of Object.values(found) as string[][]) {
    const unique = [...new Set(files)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    files.splice(0, files.length, ...unique);
  }
  return found;
}

/** What the kit writes into a folder that it hands over (`handover/hand-over.ts`). */
const HANDOVER_FILE = 'experiment.json';

/** The record of the handover, if a place lies in such a folder: trainers write into `out/grpo` of it. */
function handedOver(place: string): string[] {
  const own = path.resolve(place);
  const folders = [own, path.dirname(own), path.resolve(own, '..', '..'), path.resolve(own, '..', '..', '..')];
  const file = folders.map((folder) => path.join(folder, HANDOVER_FILE)).find((one) => existsSync(one));
  return file === undefined ? [] : [file];
}

function searchFolder(folder: string, depth: number, found: FoundLogs): void {
  const entries = readdirSync(folder, { withFileTypes: true });
  const names = new Set(entries.map(({ name }) => name));
  const hasWeights = [...names].some((name) => /^model(-\d+-of-\d+)?\.safetensors$/.test(name));
  if (names.has('adapter_model.safetensors') || (names.has('config.json') && hasWeights))
    found.checkpoints.push(folder);
  if ([...names].some((name) => /^model_world_size_\d+_rank_\d+\.pt$/.test(name))) found.verlShards.push(folder);
  for (const entry of entries) {
    const place = path.join(folder, entry.name);
    if (entry.isFile()) addFile(place, found, false);
    if (entry.isDirectory() && depth < DEEPEST && !PASSED_OVER.test(entry.name)) searchFolder(place, depth + 1, found);
  }
}

/** @param asked whether a person has named this very file: then it may have any name */
function addFile(file: string, found: FoundLogs, asked: boolean): void {
  const name = path.basename(file);
  if (name === 'trainer_state.json') found.trainerStates.push(file);
  else if (name === 'logging.jsonl') found.swiftLogs.push(file);
  else if (name === 'completions.jsonl') found.swiftCompletions.push(file);
  else if (/^completions_\d+\.parquet$/.test(name)) found.trlCompletions.push(file);
  else if (name.includes('tfevents')) found.events.push(file);
  else if (name === 'args.json' || (name === 'config.yaml' && path.basename(path.dirname(file)) === '.hydra'))
    found.settings.push(file);
  else if (name.endsWith('.jsonl')) addLines(file, found);
  else if ((asked || /\.(log|txt|out)$/.test(name)) && isVerlConsole(firstText(file, CONSOLE_BYTES)))
    found.verlConsoles.push(file);
}

/** JSON Lines whose name says nothing: their first line tells whether they are of verl. */
function addLines(file: string, found: FoundLogs): void {
  let row: { [field: string]: unknown } | undefined;
  try {
    row = fieldsOf(parsePythonJson(firstText(file, LINE_BYTES).split('\n')[0]!));
  } catch {
    // Lines of somebody else's.
  }
  if (!row) return;
  if ('step' in row && fieldsOf(row.data)) found.verlLogs.push(file);
  if (/^\d+\.jsonl$/.test(path.basename(file)) && 'input' in row && 'output' in row && 'score' in row)
    found.verlRollouts.push(file);
}

/** A line of a log is shorter than this, in bytes; a program's output tells within the other number whether it is verl's. */
const [LINE_BYTES, CONSOLE_BYTES] = [1 << 20, 1 << 24];

function firstText(file: string, bytes: number): string {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(bytes, statSync(file).size));
    return buffer.toString('utf8', 0, readSync(descriptor, buffer));
  } finally {
    closeSync(descriptor);
  }
}
