/** The run directory: the configuration of a run, its metrics step by step, and the checkpoints to go on from. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic, writeFolderAtomic } from '../engine/atomic-write.js';
import { startEngine } from '../engine/backend.js';
import { appendToFile, movePath, removePath } from '../engine/disk.js';
import { readJsonFile } from '../engine/read-json.js';
import type { ImageProcessor } from '../model/image-processor.js';
import { type LoggedCompletion, readCompletions, writeCompletions } from './completions.js';
import { describeEnvironment, type Environment, environmentChanges } from './environment.js';
import type { Metrics, StepMetrics } from './metrics.js';
import { canonicalJson, changesText, type Json, plainJson } from './run-configuration.js';
import { lockFolder } from './run-lock.js';
import { LOG_FILES, type RunLog, startRunLog } from './run-log.js';
import type { Schedule } from './schedule.js';
import { readShownPictures, type ShownPicture, type ShownPrompt, writeShownPictures } from './shown-pictures.js';

/** The checkpoint with the highest score on held-out items so far; of equals the earliest. */
export interface BestCheckpoint {
  /** Number of steps completed. */
  step: number;
  /** The task's own metric. */
  score: number;
}

/** The file with the evaluation of the start. */
const START_EVALUATION = 'start-evaluation.json';

/** The default number of newest checkpoints that stay: one more than needed, should a disk lose the newest. */
const KEEP_CHECKPOINTS = 2;

/**
 * The folder of one run. A process that is killed, at any moment, leaves each of these files readable:
 *
 *     run.json                     the configuration, which is the run's identity, seeds included; and each start of the
 *                                  run: from which step, when, with which versions on what machine, and how it ended if
 *                                  it was stopped or failed
 *     live.json                    the plot as a notebook last drew it, for a page that was closed and opened again
 *     metrics.jsonl                a line a step, in the field's metric names; `eval_*` on the lines of steps after which
 *                                  the model was evaluated
 *     start-evaluation.json        the `eval_*` metrics of the start, before the first step; absent from a run without evaluation
 *     timing.jsonl                 wall-clock times of the steps; apart, so that `metrics.jsonl` repeats byte for byte
 *     warnings.jsonl               what the metrics warned of; absent until there is something
 *     reward-errors.jsonl          why rewards failed, where failures count as null; absent until there is one
 *     completions/completions_00012.parquet
 *                                  the completions of step 12, with rewards and advantages
 *     completions/pictures_00012.parquet
 *                                  the pictures of its prompts, as the model was shown them
 *     tensorboard/                 one event file with the same numbers; a resume writes it anew
 *     checkpoints/step-000020/     after 20 steps: the parameters that move, the optimizer's state, `step.json`
 *     checkpoints/best.json        the checkpoint with the best score so far, which is kept
 *     checkpoints/step-000020.unsound/
 *                                  a damaged checkpoint that a resume has passed over
 *     final/                       the trained checkpoint, in the field's layout, with its model card (`study/cells/model-card.ts`)
 *     best/                        the best one, unless that is the last
 *     start/                       the start with its adapters merged, when the run trains adapters of its own
 *     code.json                    the code that trains the run (`study/cells/code-version.ts`)
 *     result.json                  written last: the run is finished
 *
 * Every file, figure and message counts steps from 1: step 12 is the twelfth, and its checkpoint is the one after 12 steps.
 *
 * JSON Lines and event files grow by whole lines and records. A kill may tear the last one: readers leave it out, and a resume
 * removes it. All other files appear whole, by renaming. A file that a kill leaves under a name that ends in `.partial` is no part
 * of the run, and the next start removes it. The next start also removes the rows of steps after the newest checkpoint, and does
 * these steps again.
 */
export class RunDirectory {
  private constructor(readonly folder: string) {}

  /** Whether whoever opened the run has locked its folder already. */
  isLockedByOpener = false;

  /**
   * Does some work with the folder locked. If the work starts the log and then ends before its last step, `run.json` says how.
   *
   * @throws Error naming the process that holds the folder
   */
  async whileLocked(work: () => Promise<void>): Promise<void> {
    const startsBefore = this.starts.length;
    const recorded = async () => {
      try {
        await work();
      } catch (error) {
        if (this.starts.length > startsBefore) this.recordEnd(error as Error);
        throw error;
      }
    };
    if (this.isLockedByOpener) await recorded();
    else await lockFolder(this.folder, recorded);
  }

  /**
   * Opens a run's folder, or creates it. A run that was stopped goes on.
   *
   * @param configuration all that the run depends on, as plain values: it is what the run is known by
   * @throws Error naming a value that is not plain, such as a function; when the folder holds a run of another configuration (a run never overwrites another), or something that
   *   is not a run
   */
  static open(folder: string, configuration: object | Json): RunDirectory {
    const known = RunDirectory.check(folder, configuration);
    if (known) return known;
    const run = new RunDirectory(folder);
    run.describe({ configuration: plainJson(configuration, 'configuration'), starts: [] });
    return run;
  }

  /**
   * Opens a run's folder as `open` does, but creates nothing.
   *
   * @returns undefined when the folder does not exist or is empty
   * @throws Error as `open` does
   */
  static check(folder: string, asked: object | Json): RunDirectory | undefined {
    const configuration = plainJson(asked, 'configuration');
    const run = new RunDirectory(folder);
    const description = run.description();
    if (description !== undefined) {
      if (canonicalJson(description.configuration) !== canonicalJson(configuration)) {
        throw new Error(
          `${folder} holds a run of another configuration (${changesText(description.configuration, configuration)}); choose ` +
            'another folder, or remove this one to train in it anew',
        );
      }
      return run;
    }
    if (existsSync(folder) && !statSync(folder).isDirectory())
      throw new Error(`${folder} is a file; choose another name for the run's folder`);
    // Hidden files are a desktop's, a lock, or the rest of a run.json after a kill.
    const strange = existsSync(folder) ? readdirSync(folder).find((name) => !name.startsWith('.')) : undefined;
    if (strange !== undefined) {
      throw new Error(
        `${folder} is not empty (it holds ${strange}) and not a run: it has no run.json; choose another folder for the run`,
      );
    }
    return undefined;
  }

  /**
   * Opens the run that lies in a folder, whatever its configuration, to read what it has logged.
   *
   * @throws Error when the folder holds no run
   */
  static read(folder: string): RunDirectory {
    const run = new RunDirectory(folder);
    if (run.description() === undefined)
      throw new Error(`${folder} holds no run: it has no run.json; name the folder that --out named, or a cell's`);
    return run;
  }

  /**
   * Describes a run that another trainer has trained, in a folder that nobody trains in: its `run.json` has one start, at the first step.
   *
   * @param steps of the whole run
   */
  static describeTaken(folder: string, configuration: Json, steps: number): RunDirectory {
    const run = new RunDirectory(folder);
    run.describe({ configuration, starts: [{ step: 1, steps, time: new Date().toISOString(), environment: {} }] });
    return run;
  }

  /** The configuration, which is the run's identity. */
  get configuration(): Json {
    return this.description()!.configuration;
  }

  /** The steps of the whole run; undefined before its first start. */
  get steps(): number | undefined {
    return this.starts.at(-1)?.steps;
  }

  /** Each time that the run was started, the first one first. */
  get starts(): RunStart[] {
    return this.description()!.starts ?? [];
  }

  /** Whether another trainer has trained the run, and its log was taken back: steps may lack, and the checkpoint lies elsewhere. */
  get isTakenBack(): boolean {
    return (this.configuration as { kind?: unknown } | null)?.kind === 'taken-back';
  }

  /**
   * Makes the folder ready for the steps from `done` on and starts their log: what was logged from there on is removed, the
   * checkpoints that need not stay too, and `run.json` has this start with the environment that it computes in.
   *
   * @param done number of steps completed
   * @param steps of the whole run
   * @param options.keepCheckpoints the newest that stay
   * @param options.schedule the learning rate over the steps, for the warning of a run that is too short for it
   */
  async startLog(
    done: number,
    steps: number,
    { keepCheckpoints, schedule }: { keepCheckpoints?: number; schedule?: Schedule } = {},
  ): Promise<RunLog> {
    this.rewind(done);
    this.settleCheckpoints(keepCheckpoints);
    const environment = describeEnvironment(await startEngine());
    const before = this.starts.at(-1)?.environment;
    const changes = done > 0 && before ? environmentChanges(before as unknown as Environment, environment) : '';
    if (changes)
      console.warn(
        `${this.folder} goes on in another environment (${changes}): its numbers may differ from those of a run that was not stopped`,
      );
    this.recordStart(done + 1, steps, environment);
    return startRunLog(this, schedule && { steps, schedule });
  }

  /** Adds a start to `run.json`. @param step the first step that it will do @param steps of the whole run */
  recordStart(step: number, steps: number, environment: object): void {
    const description = this.description()!;
    const start = { step, steps, time: new Date().toISOString(), environment: environment as Json };
    this.describe({ ...description, starts: [...(description.starts ?? []), start] });
  }

  /** Adds to the last start in `run.json` that it ended before its last step. A full disk must not hide the error that ended it. */
  private recordEnd(error: Error & { signal?: string }): void {
    const why = error.name === 'TrainingStopped' ? { stoppedBy: error.signal ?? 'request' } : { error: error.message };
    const ended: EndOfStart = { step: this.metrics().at(-1)?.step ?? 0, time: new Date().toISOString(), ...why };
    const description = this.description()!;
    const starts = this.starts;
    try {
      this.describe({ ...description, starts: [...starts.slice(0, -1), { ...starts.at(-1)!, ended }] });
    } catch (failure) {
      console.warn(`${this.folder}: how the run ended was not recorded (${(failure as Error).message})`);
    }
  }

  /** @throws Error when `run.json` is there but is not a run's */
  private description(): Description | undefined {
    const file = path.join(this.folder, 'run.json');
    if (!existsSync(file)) return undefined;
    const remedy = 'mend it, or choose another folder for the run';
    let content: unknown;
    try {
      content = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new Error(`${file} is not JSON (${(error as Error).message}); ${remedy}`);
    }
    if (content === null || typeof content !== 'object' || !('configuration' in content))
      throw new Error(`${file} has no 'configuration', so it is not a run's; ${remedy}`);
    return content as Description;
  }

  private describe(description: Description): void {
    writeFileAtomic(path.join(this.folder, 'run.json'), `${JSON.stringify(description, null, 2)}\n`);
  }

  /** Marks the run as finished. */
  finish(result: unknown): void {
    writeFileAtomic(path.join(this.folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  }

  get isFinished(): boolean {
    return existsSync(path.join(this.folder, 'result.json'));
  }

  /** The folder of the trained checkpoint. */
  get final(): string {
    return path.join(this.folder, 'final');
  }

  /** The folder of the best checkpoint as a model of its own. */
  get best(): string {
    return path.join(this.folder, 'best');
  }

  /**
   * Writes the table of a step's completions.
   *
   * @throws Error when a reward has the name of another column
   */
  writeCompletions(step: number, rows: readonly LoggedCompletion[]): void {
    writeCompletions(this.completionsFile(step), rows);
  }

  /** Reads the completions of a step; none where it is not done yet. */
  readCompletions(step: number): Promise<LoggedCompletion[]> {
    return readCompletions(this.completionsFile(step));
  }

  /** The file of that table. */
  completionsFile(step: number): string {
    return path.join(this.folder, 'completions', `completions_${String(step).padStart(5, '0')}.parquet`);
  }

  /** Writes the pictures of a step's prompts. */
  writePictures(step: number, prompts: readonly ShownPrompt[], processor: ImageProcessor): Promise<void> {
    return writeShownPictures(this.picturesFile(step), prompts, processor);
  }

  /** Reads the pictures of a step's prompts; none where it is not done yet. */
  readPictures(step: number): Promise<ShownPicture[]> {
    return readShownPictures(this.picturesFile(step));
  }

  private picturesFile(step: number): string {
    return path.join(this.folder, 'completions', `pictures_${String(step).padStart(5, '0')}.parquet`);
  }

  /** The steps whose completions are logged, in order. */
  completionSteps(): number[] {
    const folder = path.join(this.folder, 'completions');
    if (!existsSync(folder)) return [];
    const steps = readdirSync(folder).map((name) => /^completions_(\d+)\.parquet$/.exec(name)?.[1]);
    return steps
      .filter((step) => step !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Adds lines to a JSON Lines file of the run, such as `warnings.jsonl`; each row carries its `step`. */
  append<Row extends { step: number }>(name: string, rows: readonly Row[]): void {
    appendToFile(path.join(this.folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** Notes how the start does on held-out items. */
  writeStartEvaluation(metrics: Metrics): void {
    writeFileAtomic(path.join(this.folder, START_EVALUATION), `${JSON.stringify(metrics)}\n`);
  }

  /** The evaluation of the start, as a row of step 0; undefined of a run that is not evaluated, or has not begun. */
  startEvaluation(): StepMetrics | undefined {
    const file = path.join(this.folder, START_EVALUATION);
    if (!existsSync(file)) return undefined;
    return { step: 0, ...readJsonFile<Metrics>(file, 'remove it: curves then begin at the first step') };
  }

  /** All metrics so far. */
  metrics(): StepMetrics[] {
    return readLines(this.metricsFile) as StepMetrics[];
  }

  /** All metrics so far with the times of their steps. A kill may come between the lines of the two files: the last may lack its times. */
  timedMetrics(): StepMetrics[] {
    const times = new Map(this.rows<StepMetrics>('timing.jsonl').map((row) => [row.step, row]));
    return this.metrics().map((row) => ({ ...row, ...times.get(row.step) }));
  }

  /** The metrics of the steps that stay when the run is started again: of a finished run all, else those that have a checkpoint. */
  keptMetrics(): StepMetrics[] {
    const done = this.isFinished ? Number.POSITIVE_INFINITY : (this.latestCheckpoint()?.step ?? 0);
    return this.metrics().filter(({ step }) => step <= done);
  }

  /** The rows of a JSON Lines file of the run. */
  rows<T>(name: string): T[] {
    return readLines(path.join(this.folder, name)) as T[];
  }

  /** Drops the rows after step `done`, as these steps are done again, and files that a killed process left half-written. */
  rewind(done: number): void {
    for (const name of readdirSync(this.folder, { recursive: true, encoding: 'utf8' })) {
      const step = /^completions.(?:completions|pictures)_(\d+)\.parquet$/.exec(name)?.[1];
      if (name.endsWith('.partial') || (step !== undefined && Number(step) > done))
        removePath(path.join(this.folder, name));
    }
    for (const name of LOG_FILES) {
      const file = path.join(this.folder, name);
      if (!existsSync(file)) continue;
      const kept = (readLines(file) as { step: number }[]).filter((row) => row.step <= done);
      writeFileAtomic(file, kept.map((row) => `${JSON.stringify(row)}\n`).join(''));
    }
  }

  /**
   * Writes a checkpoint, which appears whole or not at all. The `keep` newest stay, and the best.
   *
   * @param step number of steps completed
   * @param best the best of the checkpoints so far, this one included
   */
  saveCheckpoint(
    step: number,
    write: (folder: string) => void,
    { keep = KEEP_CHECKPOINTS, best }: { keep?: number; best?: BestCheckpoint } = {},
  ): void {
    const target = path.join(this.checkpointsFolder, checkpointName(step));
    writeFolderAtomic(target, (partial) => {
      write(partial);
      writeFileAtomic(path.join(partial, 'step.json'), `${JSON.stringify({ step, best })}\n`);
    });
    this.settleCheckpoints(keep);
  }

  /**
   * Brings `best.json` up to the newest checkpoint and removes the checkpoints that need not stay. This follows the writing of a
   * checkpoint; when a kill came between the two, a resume makes up for it.
   */
  settleCheckpoints(keep = KEEP_CHECKPOINTS): void {
    const all = this.checkpoints();
    const best = this.latestCheckpoint()?.best;
    if (!best) removePath(this.bestFile);
    else {
      const text = `${JSON.stringify({ ...best, checkpoint: checkpointName(best.step) })}\n`;
      if (!existsSync(this.bestFile) || readFileSync(this.bestFile, 'utf8') !== text)
        writeFileAtomic(this.bestFile, text);
    }
    for (const { step, folder } of all.slice(0, -keep)) if (step !== best?.step) remove(folder);
  }

  /** The newest complete checkpoint, with the best score that was known when it was written. */
  latestCheckpoint(): Checkpoint | undefined {
    const newest = this.checkpoints().at(-1);
    return newest && this.describeCheckpoint(newest);
  }

  /**
   * Opens the newest checkpoint that the run can go on from. Newer ones that are damaged are set aside, under names that end in
   * `.unsound`, and stderr says so.
   *
   * @param read reads the tensors of a checkpoint's folder; an error of it says what is wrong with them
   * @returns undefined when the run has no checkpoint yet
   * @throws Error when it has checkpoints and none of them is sound, saying of each what is wrong, and what to do
   */
  openNewestCheckpoint<T>(read: (folder: string) => T): (Checkpoint & { content: T }) | undefined {
    const damaged: { folder: string; problem: string }[] = [];
    for (const place of this.checkpoints().reverse()) {
      try {
        const checkpoint = this.describeCheckpoint(place);
        this.checkLog(checkpoint.step);
        const content = read(checkpoint.folder);
        damaged.forEach(setAside);
        return { ...checkpoint, content };
      } catch (error) {
        damaged.push({ folder: place.folder, problem: (error as Error).message });
      }
    }
    if (damaged.length === 0) return undefined;
    const problems = damaged.map(({ folder, problem }) => `${path.basename(folder)}: ${problem}`).join('; ');
    throw new Error(
      `${this.folder} has no checkpoint to go on from (${problems}); put a sound copy in its place, or remove ` +
        `${this.checkpointsFolder} to train the run again from its first step`,
    );
  }

  /** Reads the `step.json` of a checkpoint. @throws Error when it is missing or not that of this step */
  describeCheckpoint({ step, folder }: Checkpoint): Checkpoint {
    const file = path.join(folder, 'step.json');
    if (!existsSync(file)) throw new Error(`${file} is missing`);
    const content = parseObject(readFileSync(file, 'utf8')) as { step?: number; best?: BestCheckpoint } | undefined;
    if (content?.step !== step) throw new Error(`${file} is not the description of step ${step}`);
    const { best } = content;
    // The best one goes when a newer one is better. If that is lost, its steps are done again and find it anew.
    const bestIsThere = best && existsSync(path.join(this.checkpointsFolder, checkpointName(best.step)));
    return bestIsThere ? { step, folder, best } : { step, folder };
  }

  /** @throws Error naming the first of the steps up to `done` that the log of metrics lacks */
  checkLog(done: number): void {
    const rows = this.metrics();
    const lacking = Array.from({ length: done }, (_, i) => i + 1).find((step) => rows[step - 1]?.step !== step);
    if (lacking !== undefined)
      throw new Error(`${this.metricsFile}, line ${lacking} is not that of step ${lacking}, which the log lacks`);
  }

  /** The checkpoint with the best score; undefined without evaluation during training. */
  bestCheckpoint(): (BestCheckpoint & { folder: string }) | undefined {
    if (!existsSync(this.bestFile)) return undefined;
    const { step, score } = readJsonFile<BestCheckpoint>(
      this.bestFile,
      'remove it; the next evaluation writes it anew',
    );
    return { step, score, folder: path.join(this.checkpointsFolder, checkpointName(step)) };
  }

  /** The checkpoints from the oldest to the newest, whether they are sound or not. */
  checkpoints(): Checkpoint[] {
    const parent = this.checkpointsFolder;
    if (!existsSync(parent)) return [];
    return readdirSync(parent)
      .filter((name) => /^step-\d+$/.test(name))
      .map((name) => ({ step: Number(name.slice(5)), folder: path.join(parent, name) }))
      .sort((a, b) => a.step - b.step);
  }

  private get checkpointsFolder(): string {
    return path.join(this.folder, 'checkpoints');
  }

  private get bestFile(): string {
    return path.join(this.checkpointsFolder, 'best.json');
  }

  private get metricsFile(): string {
    return path.join(this.folder, 'metrics.jsonl');
  }
}

/** A checkpoint of a run. */
export interface Checkpoint {
  /** Number of steps completed. */
  step: number;
  folder: string;
  /** The best checkpoint when this one was written, itself included. */
  best?: BestCheckpoint;
}

/** One start of a run. */
export interface RunStart {
  /** The first step that it did. */
  step: number;
  /** Of the whole run. */
  steps: number;
  time: string;
  environment: Json;
  /** Absent while it trains, when it came to its last step, and when its process was killed. */
  ended?: EndOfStart;
}

/** How a start ended before its last step. */
export interface EndOfStart {
  /** The last step that it did. */
  step: number;
  time: string;
  /** The signal that stopped it, such as `SIGINT`, or `request` where the caller did. */
  stoppedBy?: string;
  /** What its error said. */
  error?: string;
}

/** The contents of `run.json`. */
interface Description {
  configuration: Json;
  starts?: RunStart[];
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Removes a folder so that no half of it is ever seen under its name. */
function remove(folder: string): void {
  if (!existsSync(folder)) return;
  const doomed = `${folder}.partial`;
  removePath(doomed);
  movePath(folder, doomed);
  removePath(doomed);
}

/** Renames a checkpoint that cannot be read, so that it is no checkpoint of the run and somebody may still look at it. */
function setAside({ folder, problem }: { folder: string; problem: string }): void {
  const aside = `${folder}.unsound`;
  removePath(aside);
  movePath(folder, aside);
  console.warn(`the checkpoint ${folder} is not sound (${problem}): the run goes on from an older one; see ${aside}`);
}

/** A JSON object; undefined when the text is anything else. */
function parseObject(text: string): object | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return content !== null && typeof content === 'object' && !Array.isArray(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The rows of a JSON Lines file; a last line cut off by a crash is left out.
 *
 * @throws Error naming a line that is not the JSON of a step
 */
function readLines(file: string): unknown[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  return lines.map((line, i) => {
    const row = parseObject(line);
    if (row && 'step' in row) return row;
    throw new Error(
      `${file}, line ${i + 1} is not JSON of a step: ${shorten(line)}; put the file back from a copy, or remove the run's folder ` +
        'to train it anew',
    );
  });
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)} ...` : text;
}
