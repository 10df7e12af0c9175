/**
 * A cell: one training run of a study, known by its configuration. Its folder is named by the configuration's hash, which
 * covers the start checkpoint's own configuration and the data, so that a rerun computes only what changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { askedPrecision, startEngine } from '../engine/backend.js';
import { fileDigest } from '../engine/file-digest.js';
import { Random } from '../engine/random.js';
import { type Evaluation, evaluateModel } from '../evaluate/evaluate.js';
import { addAdapters, hasAdapters, type LoraSettings, mergeAdapters } from '../model/lora.js';
import { disposeModel, loadModel, type Model, saveModel, weightsFile } from '../model/model.js';
import { REWARDS, type RewardName } from '../rewards/rewards.js';
import type { PromptStyle } from '../tasks/prompts.js';
import { TASKS, type TaskName, type TestSet, testSetsOf } from '../tasks/task.js';
import { trainGrpo } from '../train/grpo.js';
import type { GrpoSettings } from '../train/grpo-settings.js';
import type { EvaluationSchedule, LoopControl } from '../train/loop.js';
import type { NamedReward } from '../train/rollout.js';
import { configurationHash, type Json, type Metrics, RunDirectory } from '../train/run-directory.js';
import { type SftSettings, trainSft } from '../train/sft.js';
import { saveTrained } from '../train/trained.js';
import type { TrainingWarning } from '../train/warnings.js';
import { evaluationItems, grpoExamples, sftExamples, sliceRows } from './examples.js';
import { shuffleLabels } from './label-control.js';
import { type LoadedRows, loadRows, missingData, recordsFile } from './study-data.js';
import { spoilRows } from './uncurated.js';
import { type ValidationSettings, validation, validationRows } from './validation.js';
import type { Study } from './workspace.js';

/** Supervised fine-tuning of the base model on training rows [from, to). */
export interface SftCell {
  kind: 'sft';
  task: TaskName;
  target: 'answer' | 'cot';
  rows: [from: number, to: number];
  settings: SftSettings;
  /** Evaluation on held-out rows while it trains; none unless told. */
  validation?: ValidationSettings;
  /** Trains adapters in place of all weights. */
  lora?: LoraSettings;
  /** Spoils this share of the rows first, as a careless annotator would: what curation takes out. None unless told. */
  spoiledShare?: number;
  /** Deals the rows' answers and rationales anew among rows of their kind first: the control that must score at chance. */
  shuffledLabels?: true;
}

/** GRPO from the base model, or from what another cell of the same task trained, on training rows [from, to). */
export interface GrpoCell {
  kind: 'grpo';
  task: TaskName;
  start: 'base' | SftCell;
  rows: [from: number, to: number];
  rewards: { [name in RewardName]?: number };
  settings: GrpoSettings;
  /** Evaluation on held-out rows while it trains; none unless told. */
  validation?: ValidationSettings;
  /** Trains adapters in place of all weights; those of the start cell are merged first. */
  lora?: LoraSettings;
}

/** Nothing trained: the base model, asked about a task. */
export interface BaseCell {
  kind: 'base';
  task: TaskName;
}

/** A training run. */
export type Cell = SftCell | GrpoCell;

/** What a finished cell leaves in `result.json`. */
export interface CellResult {
  /** The trained checkpoint. */
  checkpoint: string;
  /** Of the evaluated checkpoints that with the highest accuracy on held-out rows, where there was validation. */
  best?: { checkpoint: string; step: number; score: number };
  trainingRows: number;
  wallSeconds: number;
  tokens: number;
  seed: number;
  steps: number;
}

/** The folder of a cell. */
export function cellFolder(study: Study, cell: Cell): string {
  const precision = askedPrecision();
  const configuration = {
    cell,
    data: dataDigest(study, cell.task),
    base: digestOf(weightsFile(study.base), cell.task),
    ...(precision === 'float32' ? {} : { precision }),
  };
  return path.join(study.folder, 'cells', `${cell.kind}-${configurationHash(configuration as unknown as Json)}`);
}

/** The metrics that a cell has logged so far, for a live plot that goes on where it stopped. */
export function cellMetrics(study: Study, cell: Cell): (Metrics & { step: number })[] {
  const file = path.join(cellFolder(study, cell), 'run.json');
  return existsSync(file) ? RunDirectory.open(path.dirname(file), cell as unknown as Json).metrics() : [];
}

/** The run directory of a cell. */
export function cellRun(study: Study, cell: Cell): RunDirectory {
  return RunDirectory.open(cellFolder(study, cell), cell as unknown as Json);
}

/**
 * Trains a cell, or takes what it left when it is finished, or goes on where it was stopped. A start cell is trained first.
 *
 * @throws TrainingStopped when interrupted
 */
export async function runCell(
  study: Study,
  cell: Cell,
  options: Omit<LoopControl, 'evaluate'> & { onWarning?: (warning: TrainingWarning) => void } = {},
): Promise<CellResult> {
  const run = cellRun(study, cell);
  const finished = run.result<CellResult>();
  if (finished) return finished;
  await startEngine();
  const start =
    cell.kind === 'grpo' && cell.start !== 'base'
      ? (await runCell(study, cell.start, { signal: options.signal })).checkpoint
      : study.base;
  const rows = await cellRows(study, cell);
  const model = loadModel(path.resolve(study.folder, start));
  try {
    if (cell.lora) {
      if (hasAdapters(model.parameters)) mergeStart(model, run);
      addAdapters(model.parameters, cell.lora);
    }
    const evaluate = cellValidation(study, cell, model);
    if (cell.kind === 'sft') {
      const examples = sftExamples(model, rows, cell.target);
      await trainSft({ model, examples, settings: cell.settings, run, evaluate, ...options });
    } else {
      const [examples, rewards] = [grpoExamples(model, rows), namedRewards(cell)];
      await trainGrpo({ model, examples, rewards, settings: cell.settings, run, evaluate, ...options });
    }
    const metrics = run.metrics();
    const { final, best } = saveTrained(model, run, metrics.length);
    const relative = (folder: string) => path.relative(study.folder, folder);
    const result: CellResult = {
      checkpoint: relative(final),
      ...(best ? { best: { checkpoint: relative(best.folder), step: best.step, score: best.score } } : {}),
      trainingRows: rows.records.length,
      wallSeconds: run.rows<{ step_time: number }>('timing.jsonl').reduce((sum, row) => sum + row.step_time, 0),
      tokens: metrics.at(-1)!.num_tokens!,
      seed: cell.settings.seed,
      steps: metrics.length,
    };
    run.finish(result);
    return result;
  } finally {
    disposeModel(model);
  }
}

/** The rows that a cell trains on, as it trains on them. */
async function cellRows(study: Study, cell: Cell): Promise<LoadedRows> {
  const rows = sliceRows(await loadRows(study, 'train', cell.task), cell.rows[0], cell.rows[1]);
  if (rows.records.length < cell.rows[1] - cell.rows[0]) {
    throw new Error(`a cell asks for training rows ${cell.rows[0]} to ${cell.rows[1]}, but the data holds fewer`);
  }
  if (cell.kind === 'grpo') return rows;
  const random = (name: string) => new Random(study.profile.seed, `${cell.task}/${name}`);
  const spoiled = cell.spoiledShare === undefined ? rows : spoilRows(rows, cell.spoiledShare, random('uncurated'));
  if (!cell.shuffledLabels) return spoiled;
  return { ...spoiled, records: shuffleLabels(spoiled.records, random('shuffled labels')) };
}

/**
 * Merges the adapters of the start cell into a checkpoint of its own, which the new ones are for: GRPO's reference is then what
 * the start cell trained, as without adapters, and not the base below it.
 */
function mergeStart(model: Model, run: RunDirectory): void {
  mergeAdapters(model.parameters);
  const folder = path.join(run.folder, 'start');
  saveModel(model, folder);
  model.folder = folder;
}

function cellValidation(study: Study, cell: Cell, model: Model): EvaluationSchedule | undefined {
  const settings = cell.validation;
  if (!settings?.evaluateEvery) return undefined;
  const style = cell.kind === 'sft' && cell.target === 'answer' ? 'bare' : 'think';
  const items = evaluationItems(model, validationRows(study, settings.items, cell.task), style);
  const rewards = cell.kind === 'grpo' ? namedRewards(cell) : [];
  return validation({ model, items, settings, rewards, score: TASKS[cell.task].score });
}

function namedRewards(cell: GrpoCell): NamedReward[] {
  return Object.entries(cell.rewards).map(([name, weight]) => ({ name, weight, reward: REWARDS[name as RewardName] }));
}

/**
 * Evaluates the base model or a finished cell on a test set; the result is kept beside the checkpoint and taken from there
 * next time.
 */
export async function evaluateCell(
  study: Study,
  cell: Cell | BaseCell,
  set: TestSet,
  style: PromptStyle,
  onProgress?: (done: number, total: number) => void,
): Promise<Evaluation> {
  const { task } = cell;
  return measured(study, cell, evaluationFile(study, cell, set, style), async (model) => {
    const items = evaluationItems(model, await loadRows(study, set, task), style);
    return evaluateModel(model, items, study.profile.completionTokens[task], onProgress, TASKS[task].score);
  });
}

/**
 * Measures the base model or a finished cell on held-out rows (`accuracy`, `format`, `pass@1`, `pass@k`): what a checkpoint may be
 * chosen by, as test sets may not. The result is kept beside the checkpoint.
 */
export async function measureHeldOut(
  study: Study,
  cell: Cell | BaseCell,
  settings: ValidationSettings,
): Promise<Metrics> {
  return measured(study, cell, heldOutFile(study, cell, settings), async (model) => {
    const items = evaluationItems(model, validationRows(study, settings.items, cell.task), 'think');
    const { measure } = validation({ model, items, settings, score: TASKS[cell.task].score })!;
    return (await measure(model.parameters, 0)).metrics;
  });
}

/** What a finished cell left in `result.json`, or undefined while it is not finished; makes no folder. */
export function finishedCell(study: Study, cell: Cell): CellResult | undefined {
  if (!hasData(study, cell.task)) return undefined;
  const file = path.join(cellFolder(study, cell), 'result.json');
  return readJson<CellResult>(file);
}

/** What `evaluateCell` left, or undefined where it has not been called. */
export function finishedEvaluation(
  study: Study,
  cell: Cell | BaseCell,
  set: TestSet,
  style: PromptStyle,
): Evaluation | undefined {
  if (!hasData(study, cell.task)) return undefined;
  return readJson<Evaluation>(evaluationFile(study, cell, set, style));
}

/** What `measureHeldOut` left, or undefined where it has not been called. */
export function finishedHeldOut(
  study: Study,
  cell: Cell | BaseCell,
  settings: ValidationSettings,
): Metrics | undefined {
  if (!hasData(study, cell.task)) return undefined;
  return readJson<Metrics>(heldOutFile(study, cell, settings));
}

/** Trains what is not trained, loads it, measures it and keeps what was found in a file; takes the file where it is there. */
async function measured<T>(
  study: Study,
  cell: Cell | BaseCell,
  file: string,
  measure: (model: Model) => Promise<T>,
): Promise<T> {
  const trained = cell.kind === 'base' ? undefined : await runCell(study, cell);
  const held = readJson<T>(file);
  if (held !== undefined) return held;
  await startEngine();
  const model = loadModel(trained ? path.resolve(study.folder, trained.checkpoint) : study.base);
  try {
    const found = await measure(model);
    writeFileAtomic(file, `${JSON.stringify(found)}\n`);
    return found;
  } finally {
    disposeModel(model);
  }
}

function readJson<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

function evaluationFile(study: Study, cell: Cell | BaseCell, set: TestSet, style: PromptStyle): string {
  const longest = study.profile.completionTokens[cell.task];
  return path.join(
    measuresFolder(study, cell),
    `evaluation-${set}-${style}-${measureHash(study, cell, `${longest}`)}.json`,
  );
}

function heldOutFile(study: Study, cell: Cell | BaseCell, settings: ValidationSettings): string {
  const hash = measureHash(study, cell, configurationHash(settings as unknown as Json));
  return path.join(measuresFolder(study, cell), `held-out-${hash}.json`);
}

/** Where measures of a cell are kept: beside its checkpoint; the base model's in a folder of the task. */
function measuresFolder(study: Study, cell: Cell | BaseCell): string {
  return cell.kind === 'base' ? path.join(study.folder, 'cells', `base-${cell.task}`) : cellFolder(study, cell);
}

/** What a measure depends on beside the cell: data, base model, precision and its own settings. */
function measureHash(study: Study, { task }: Cell | BaseCell, settings: string): string {
  const precision = askedPrecision() === 'float32' ? '' : askedPrecision();
  const text = dataDigest(study, task) + digestOf(weightsFile(study.base), task) + settings + precision;
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** Whether a task's data was drawn or converted already; without it no cell has a folder. */
export function hasData(study: Study, task: TaskName): boolean {
  return (['train', ...testSetsOf(task)] as const).every((set) => existsSync(recordsFile(study, set, task)));
}

/** A digest of a task's data: of its record files, from which all images follow. */
function dataDigest(study: Study, task: TaskName): string {
  const sets = ['train', ...testSetsOf(task)] as const;
  return sets.map((set) => digestOf(recordsFile(study, set, task), task)).join('');
}

const digests = new Map<string, string>();

function digestOf(file: string, task: TaskName): string {
  if (!existsSync(file)) throw missingData(file, task);
  // Known by time and size too: a live kernel must notice that the data was drawn anew.
  const { mtimeMs, size } = statSync(file);
  const key = `${file} ${mtimeMs} ${size}`;
  let digest = digests.get(key);
  if (!digest) {
    digest = fileDigest(file);
    digests.set(key, digest);
  }
  return digest;
}
