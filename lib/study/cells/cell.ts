/**
 * A cell: one training run of a study, known by its configuration and by the code that trains it. Its folder is named by both
 * (see `cell-identity.ts`), so that a rerun computes only what changed.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { startEngine } from '../../engine/backend.js';
import { type Evaluation, evaluateModel } from '../../evaluate/evaluate.js';
import type { LoraSettings } from '../../model/lora.js';
import { disposeModel, loadModel, type Model } from '../../model/model.js';
import type { RewardName } from '../../rewards/rewards.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASKS, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { Metrics } from '../../train/metrics.js';
import { type Json, RunDirectory } from '../../train/run-directory.js';
import { type SftSettings, sftSteps } from '../../train/sft.js';
import { recordsFile } from '../data/data-folder.js';
import { longestCompletion } from '../profile.js';
import type { Study } from '../workspace.js';
import { cellFolder, evaluationFile, heldOutFile, keepCode, staleCell, staleText } from './cell-identity.js';
import { cellRows, testRows } from './cell-rows.js';
import { evaluationItems } from './examples.js';
import { alone } from './run-lock.js';
import { type CellControl, trainCell } from './train-cell.js';
import { type ValidationSettings, validation, validationRows } from './validation.js';

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
  /** Rationales as the base model's own pretraining works such rows out, in place of an annotator's. */
  ownWords?: true;
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

/** The number of steps that a cell trains. */
export function cellSteps(cell: Cell): number {
  return cell.kind === 'grpo' ? cell.settings.steps : sftSteps(cell.rows[1] - cell.rows[0], cell.settings);
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
 * Trains a cell, or takes what it left when it is finished, or goes on where it was stopped. A start cell is trained first. What
 * other code trained is trained again, beside it, unless the study accepts it; either is said on stderr.
 *
 * @throws TrainingStopped when interrupted
 * @throws Error when another process trains it
 */
export async function runCell(study: Study, cell: Cell, control: CellControl = {}): Promise<CellResult> {
  tellStale(study, cell);
  const finished = finishedCell(study, cell);
  if (finished) return finished;
  await startEngine();
  const start =
    cell.kind === 'grpo' && cell.start !== 'base'
      ? (await runCell(study, cell.start, { signal: control.signal })).checkpoint
      : study.base;
  const run = cellRun(study, cell);
  return alone(run.folder, async () => {
    const trained = run.result<CellResult>();
    if (trained) return trained;
    keepCode(study, cell);
    const rows = await cellRows(study, cell);
    const { validation } = cell;
    const heldOut = validation?.evaluateEvery ? validationRows(study, validation.items, cell.task) : undefined;
    const from = { start: path.resolve(study.folder, start), rows, heldOut, score: TASKS[cell.task].score };
    const { final, best } = await trainCell(cell, from, run, control);
    const metrics = run.metrics();
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
  });
}

/** What was said of stale cells: once a process is enough. */
const told = new Set<string>();

function tellStale(study: Study, cell: Cell): void {
  const stale = staleCell(study, cell);
  if (!stale) return;
  const what = stale.accepted
    ? 'taken as it is'
    : 'training again, beside it (REASON_RFT_ACCEPT_STALE=1 takes it as it is)';
  const line = `${stale.folder} was ${staleText(stale)}: ${what}`;
  if (told.has(line)) return;
  told.add(line);
  console.warn(line);
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
    const items = evaluationItems(model, await testRows(study, set, task), style);
    return evaluateModel(model, items, longestCompletion(study.profile, task), onProgress, TASKS[task].score);
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

/** Whether a task's data was drawn or converted already; without it no cell has a folder. */
export function hasData(study: Study, task: TaskName): boolean {
  return (['train', ...testSetsOf(task)] as const).every((set) => existsSync(recordsFile(study, set, task)));
}
