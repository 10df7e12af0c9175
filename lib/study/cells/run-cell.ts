/** Trains, evaluates and reads the cells of a study. The folder of a result follows from its identity, so a rerun computes only what changed. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { startEngine } from '../../engine/backend.js';
import { readJsonFile } from '../../engine/read-json.js';
import type { Evaluation } from '../../evaluate/evaluate.js';
import { disposeModel, loadModel, type Model } from '../../model/model.js';
import { kitReward } from '../../rewards/reward-list.js';
import type { RewardName } from '../../rewards/rewards.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASKS, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { Metrics, StepMetrics } from '../../train/metrics.js';
import type { Json } from '../../train/run-configuration.js';
import { RunDirectory } from '../../train/run-directory.js';
import { recordsFile } from '../data/data-folder.js';
import { longestCompletion } from '../profile.js';
import type { Study } from '../workspace.js';
import { type BaseCell, type Cell, type CellResult, cellStyle, type GrpoCell, withoutBaseName } from './cell.js';
import { baseFolderOf, hasBase } from './cell-base.js';
import { cellFolder, evaluationFile, heldOutFile, readingFile, staleCell, staleText } from './cell-identity.js';
import { cellRows, solvedRows, testRows } from './cell-rows.js';
import { evaluateRows } from './evaluate-rows.js';
import { type CurveOptions, type CurveSettings, evenPlaces } from './learning-curve.js';
import { prepareQuestions, prepareSftRows, type QuestionRow } from './prepared-rows.js';
import { type Reading, type ReadingSettings, readWorkedOut } from './reading.js';
import { type RunControl, readRunResult, type TrainingPlan, trainRun } from './train-run.js';
import { scheduleValidationOnRows, type ValidationSettings } from './validation.js';
import { validationRows } from './validation-rows.js';

/** The run directory of a cell that has begun to train, or undefined; makes nothing. */
export function startedRun(study: Study, cell: Cell): RunDirectory | undefined {
  return RunDirectory.check(cellFolder(study, cell), withoutBaseName(cell));
}

/** Reads the metrics that a cell has logged so far. */
export function cellCurves(study: Study, cell: Cell): StepMetrics[] {
  return startedRun(study, cell)?.metrics() ?? [];
}

/** Opens the run directory of a cell, and makes it if it is not there. */
export function openCellRun(study: Study, cell: Cell): RunDirectory {
  return RunDirectory.open(cellFolder(study, cell), withoutBaseName(cell));
}

/**
 * Trains a cell, or goes on where it was stopped, or reads its result when it is finished. A start cell is trained first. A cell
 * that other code trained is trained again, beside the old one, unless `study.acceptStale`, which reuses the old result; a warning on
 * stderr says which happened.
 *
 * @throws TrainingStopped when interrupted
 * @throws Error when another process trains it
 */
export async function runCell(study: Study, cell: Cell, control: RunControl = {}): Promise<CellResult> {
  warnOfStale(study, cell);
  const finished = finishedCell(study, cell);
  if (finished) return finished;
  const start =
    cell.kind === 'grpo' && cell.start !== 'base'
      ? (await runCell(study, cell.start, { signal: control.signal })).checkpoint
      : baseFolderOf(study, cell);
  const location = {
    folder: cellFolder(study, cell),
    configuration: withoutBaseName(cell) as unknown as Json,
    pathsFrom: study.folder,
  };
  return trainRun(location, () => planCell(study, cell, path.resolve(study.folder, start)), control);
}

/** The run of a cell, with its rows. @param checkpoint the folder that it starts from */
async function planCell(study: Study, cell: Cell, checkpoint: string): Promise<TrainingPlan> {
  const start = { checkpoint, ...(cell.lora ? { lora: cell.lora } : {}) };
  const rows = await cellRows(study, cell);
  const validation = cell.validation?.evaluateEvery ? planValidation(study, cell, cell.validation) : undefined;
  const shared = { start, ...(validation ? { validation } : {}) };
  if (cell.kind === 'sft')
    return { kind: 'sft', rows: prepareSftRows(rows, cell.target), settings: cell.settings, ...shared };
  const rewards = Object.entries(cell.rewards).map(([name, weight]) => kitReward(name as RewardName, weight));
  const curve = cell.curve && (await planCurve(study, cell, cell.curve));
  const questions = prepareQuestions(rows, cellStyle(cell));
  return { kind: 'grpo', rows: questions, rewards, settings: cell.settings, ...shared, ...(curve ? { curve } : {}) };
}

async function planCurve(study: Study, cell: GrpoCell, asked: CurveSettings): Promise<CurveOptions> {
  const { task, settings } = cell;
  const sets: { [set: string]: QuestionRow[] } = {};
  for (const set of testSetsOf(task)) {
    const rows = prepareQuestions(await testRows(study, set, task), cellStyle(cell));
    sets[set] = evenPlaces(rows.length, asked.items).map((place) => rows[place]!);
  }
  return { settings: asked, sets, score: TASKS[task].score, maxNewTokens: settings.maxNewTokens };
}

function planValidation(study: Study, cell: Cell, settings: ValidationSettings): TrainingPlan['validation'] {
  const rows = prepareQuestions(validationRows(study, cell.task, settings.items), cellStyle(cell));
  return { settings, rows, score: TASKS[cell.task].score };
}

/** Warnings already printed; each is printed once per process. */
const printedWarnings = new Set<string>();

function warnOfStale(study: Study, cell: Cell): void {
  const stale = staleCell(study, cell);
  if (!stale) return;
  const consequence = stale.usableFolder
    ? 'taken as it is'
    : 'training again, beside it (REASON_RFT_ACCEPT_STALE=1 takes it as it is)';
  const warning = `${stale.folder} was ${staleText(stale)}: ${consequence}`;
  if (printedWarnings.has(warning)) return;
  printedWarnings.add(warning);
  console.warn(warning);
}

/**
 * Evaluates a base model or a cell on a test set; a cell that is not trained is trained first. The result is kept beside the
 * checkpoint, and the next call takes it from there.
 */
export async function evaluateCell(
  study: Study,
  cell: Cell | BaseCell,
  set: TestSet,
  style: PromptStyle,
  onProgress?: (done: number, total: number) => void,
): Promise<Evaluation> {
  const { task } = cell;
  return measureOnce(study, cell, evaluationFile(study, cell, set, style), async (model) => {
    const rows = prepareQuestions(await testRows(study, set, task), style);
    const maxNewTokens = longestCompletion(study.profile, task);
    return evaluateRows(model, rows, { maxNewTokens, score: TASKS[task].score, onProgress });
  });
}

/**
 * Measures a base model or a cell on held-out rows (`accuracy`, `format`, `pass@1`, `pass@k`). A checkpoint may be chosen by these
 * numbers, as it may not by those of test sets. The result is kept beside the checkpoint.
 */
export async function measureHeldOut(
  study: Study,
  cell: Cell | BaseCell,
  settings: ValidationSettings,
): Promise<Metrics> {
  return measureOnce(study, cell, heldOutFile(study, cell, settings), async (model) => {
    const rows = prepareQuestions(validationRows(study, cell.task, settings.items), 'think');
    const { measure } = scheduleValidationOnRows({ rows, settings, score: TASKS[cell.task].score })(model)!;
    return (await measure(model.parameters, 0)).metrics;
  });
}

/** Measures how often a base model or a cell works a question out. The result is kept beside the checkpoint. */
export async function measureReading(study: Study, cell: Cell | BaseCell, settings: ReadingSettings): Promise<Reading> {
  const { task } = cell;
  return measureOnce(study, cell, readingFile(study, cell, settings), async (model) =>
    readWorkedOut(model, task, await solvedRows(study, task, settings.rows), settings),
  );
}

/**
 * Reads the `result.json` of a finished cell; undefined while it is not finished. Makes no folder.
 *
 * @throws Error when the file is not the result of a run
 */
export function finishedCell(study: Study, cell: Cell): CellResult | undefined {
  if (!isKnown(study, cell)) return undefined;
  return readRunResult(cellFolder(study, cell)) as CellResult | undefined;
}

/** Reads the result of `evaluateCell`; undefined before that was called. */
export function finishedEvaluation(
  study: Study,
  cell: Cell | BaseCell,
  set: TestSet,
  style: PromptStyle,
): Evaluation | undefined {
  if (!isKnown(study, cell)) return undefined;
  return readJson<Evaluation>(evaluationFile(study, cell, set, style));
}

/** Reads the result of `measureHeldOut`; undefined before that was called. */
export function finishedHeldOut(
  study: Study,
  cell: Cell | BaseCell,
  settings: ValidationSettings,
): Metrics | undefined {
  if (!isKnown(study, cell)) return undefined;
  return readJson<Metrics>(heldOutFile(study, cell, settings));
}

/** Reads the result of `measureReading`; undefined before that was called. */
export function finishedReading(study: Study, cell: Cell | BaseCell, settings: ReadingSettings): Reading | undefined {
  if (!isKnown(study, cell)) return undefined;
  return readJson<Reading>(readingFile(study, cell, settings));
}

/** Measures a cell and writes the result to a file, or reads the file when it is there. A cell that is not trained is trained first. */
async function measureOnce<T extends object>(
  study: Study,
  cell: Cell | BaseCell,
  file: string,
  measure: (model: Model) => Promise<T>,
): Promise<T> {
  const trainedCell = cell.kind === 'base' ? undefined : await runCell(study, cell);
  const earlierResult = readJson<T>(file);
  if (earlierResult !== undefined) return earlierResult;
  await startEngine();
  const checkpoint = trainedCell ? path.resolve(study.folder, trainedCell.checkpoint) : baseFolderOf(study, cell);
  const model = loadModel(checkpoint);
  try {
    const result = await measure(model);
    writeFileAtomic(file, `${JSON.stringify(result)}\n`);
    return result;
  } finally {
    disposeModel(model);
  }
}

function readJson<T extends object>(file: string): T | undefined {
  return existsSync(file) ? readJsonFile<T>(file, 'remove it, and the same command writes it anew') : undefined;
}

/** Whether a cell can have been run: its task's data and its base model are there, which its identity holds. */
function isKnown(study: Study, cell: Cell | BaseCell): boolean {
  return hasData(study, cell.task) && hasBase(study, cell);
}

/** Whether a task's data was drawn or converted already; without it no cell has a folder. */
export function hasData(study: Study, task: TaskName): boolean {
  return (['train', ...testSetsOf(task)] as const).every((set) => existsSync(recordsFile(study, set, task)));
}
