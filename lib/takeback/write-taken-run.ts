/** Writes what was taken back as a run directory. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic, writeFolderAtomic } from '../engine/atomic-write.js';
import { removePath } from '../engine/disk.js';
import type { LoggedCompletion } from '../train/completions.js';
import { startEventFile } from '../train/event-file.js';
import type { Metrics } from '../train/metrics.js';
import { canonicalJson, type Json } from '../train/run-configuration.js';
import { RunDirectory } from '../train/run-directory.js';
import { lockFolder } from '../train/run-lock.js';
import { trainingWarnings } from '../train/warnings.js';
import { fieldsOf } from './python-json.js';
import type { StepLog } from './step-log.js';

/** All that a run directory is made of. */
export interface TakenRun {
  /** The identity of the run: which trainer, from where, with which settings. */
  configuration: Json;
  /** The steps of the whole run. */
  steps: number;
  log: StepLog;
  completions: ReadonlyMap<number, readonly LoggedCompletion[]>;
  /** What `result.json` says. */
  result: object;
}

/**
 * Writes a run directory, whole or not at all; one that holds what was taken back from the same places before is brought up to date, file
 * by file.
 *
 * @throws Error when the folder holds something else
 */
export async function writeTakenRun(folder: string, taken: TakenRun): Promise<void> {
  const before = readConfiguration(folder);
  if (before === undefined) {
    const strange = existsSync(folder) ? readdirSync(folder) : [];
    if (strange.length > 0)
      throw new Error(`${folder} is not empty (it holds ${strange[0]}) and not a run; choose another folder for --out`);
    writeFolderAtomic(folder, (partial) => writeFiles(partial, taken));
    return;
  }
  if (sourceOf(before) !== sourceOf(taken.configuration))
    throw new Error(`${folder} holds another run; choose another folder for --out, or remove this one`);
  await lockFolder(folder, async () => writeFiles(folder, taken));
}

/** The configuration of the run in a folder; undefined where there is none. */
function readConfiguration(folder: string): Json | undefined {
  return existsSync(path.join(folder, 'run.json')) ? RunDirectory.read(folder).configuration : undefined;
}

/** What tells the run of one trainer from that of another; '' for a run that was not taken back. */
function sourceOf(configuration: Json): string {
  const { kind, trainer, from } = (fieldsOf(configuration) ?? {}) as { [field: string]: Json };
  return kind === 'taken-back' ? canonicalJson({ trainer: trainer!, from: from! }) : '';
}

function writeFiles(folder: string, { configuration, steps, log, completions, result }: TakenRun): void {
  const run = RunDirectory.describeTaken(folder, configuration, steps);
  const metrics = log.metrics();
  const timing = log.timing();
  writeLines(folder, 'metrics.jsonl', metrics);
  writeLines(folder, 'timing.jsonl', timing);
  writeLines(folder, 'warnings.jsonl', warningsOf(metrics));
  for (const step of run.completionSteps()) if (!completions.has(step)) removePath(run.completionsFile(step));
  for (const [step, rows] of completions) run.writeCompletions(step, rows);
  const events = metrics.map(({ step, ...numbers }, i) => {
    const { step: _, time = 0, ...times } = timing[i]!;
    return { step, time, metrics: { ...numbers, ...times } as Metrics };
  });
  startEventFile(path.join(folder, 'tensorboard'), events);
  run.finish(result);
}

/**
 * What the metrics warn of, as a run of this kit warns while it trains. A step that was not logged cannot warn. Notes are left out: they
 * explain the numbers of this kit's own loss.
 */
function warningsOf(metrics: readonly ({ step: number } & Metrics)[]): { step: number }[] {
  const history = metrics.map(({ step: _, ...numbers }) => numbers as Metrics);
  return history.flatMap((_, i) =>
    trainingWarnings(history.slice(0, i + 1))
      .filter(({ level }) => level === 'warning')
      .map((warning) => ({ ...warning, step: metrics[i]!.step })),
  );
}

function writeLines(folder: string, name: string, rows: readonly object[]): void {
  const file = path.join(folder, name);
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (text === '' && !existsSync(file)) return;
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  writeFileAtomic(file, text);
}
