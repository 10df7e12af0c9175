/**
 * Computes a cell's identity, and from it the folder of its run: `cells/{kind}-{configuration}-{code}`.
 *
 * - The configuration is the cell's settings; the rows that it trains on, as a model is shown them, and with validation the
 *   held-out rows, with a curve the test rows; its start, which is the files of its base model or the start cell's own configuration; the precision.
 * - The code is that which trains the cell and its start cell (`code-version.ts`).
 *
 * The name of an evaluation's file holds a digest of the rows, of the length of completions and of the scorer's name, and the version of
 * the code that evaluates.
 */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { askedArithmetic } from '../../engine/backend.js';
import { readJsonFile } from '../../engine/read-json.js';
import type { RewardName } from '../../rewards/rewards.js';
import { nameOfScorer } from '../../rewards/scorers.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASKS, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { configurationHash, type Json } from '../../train/run-configuration.js';
import { longestCompletion } from '../profile.js';
import type { Study } from '../workspace.js';
import { type BaseCell, type Cell, cellStyle, checkCellNames, withoutBaseName } from './cell.js';
import { baseDigest, baseFolderOf } from './cell-base.js';
import { heldOutRowsDigest, solvedRowsDigest, testRowsDigest, trainingRowsDigest } from './cell-rows.js';
import { type CodeVersion, changedSources, measuringCode, trainingCode } from './code-version.js';
import type { ReadingSettings } from './reading.js';
import type { ValidationSettings } from './validation.js';

/**
 * Returns the folder for the current code; with `acceptStale`, the newest folder finished by other code.
 *
 * @throws Error naming a field or a setting of the cell that does not exist
 */
export function cellFolder(study: Study, cell: Cell): string {
  return staleCell(study, cell)?.usableFolder ?? currentFolder(study, cell);
}

/** A cell that other code has finished and this code has not. */
export interface StaleCell {
  folder: string;
  /** The modules whose contents differ, by their names below `lib`; not those of the start cell. */
  changed: string[];
  /** The folder again, if the study accepts stale cells. */
  usableFolder?: string;
}

/** Finds the newest folder of a cell that other code has finished; undefined when this code has finished the cell. */
export function staleCell(study: Study, cell: Cell): StaleCell | undefined {
  const current = currentFolder(study, cell);
  if (existsSync(path.join(current, 'result.json'))) return undefined;
  const folder = newestOther(current, (candidate) => path.join(candidate, 'result.json'));
  if (folder === undefined) return undefined;
  const file = path.join(folder, 'code.json');
  const before: CodeVersion = existsSync(file)
    ? readJsonFile<CodeVersion>(file, `remove ${folder}, which holds an older run of this cell`)
    : { version: '', files: {} };
  const now = cellCode(cell);
  const changedModules = changedSources(before, now);
  const changed =
    changedModules.length === 0 && before.version !== now.version ? ['which module imports which'] : changedModules;
  return { folder, changed, ...(study.acceptStale ? { usableFolder: folder } : {}) };
}

/** Says in words which code has trained a stale cell. */
export function staleText({ changed }: Pick<StaleCell, 'changed'>): string {
  if (changed.length === 0) return 'trained from a start cell that other code trained';
  const others = changed.length > 3 ? ` and ${changed.length - 3} more` : '';
  return `trained by other code (since changed: ${changed.slice(0, 3).join(', ')}${others})`;
}

/** The file of a cell's evaluation: beside the checkpoint; that of a base model lies in a folder of the task. */
export function evaluationFile(study: Study, cell: Cell | BaseCell, set: TestSet, style: PromptStyle): string {
  const { task } = cell;
  const scorer = nameOfScorer(TASKS[task].score);
  const identity = [
    testRowsDigest(study, set, task, style),
    longestCompletion(study.profile, task),
    scorer,
    ...modelIdentity(study, cell),
  ];
  const name = `evaluation-${set}-${style}-${shortHash(identity)}`;
  return measurementFile(study, cell, name, measuringCode('evaluation', scorer));
}

/** The file of a cell's measurement on held-out rows. */
export function heldOutFile(study: Study, cell: Cell | BaseCell, settings: ValidationSettings): string {
  const { task } = cell;
  const scorer = nameOfScorer(TASKS[task].score);
  const rows = heldOutRowsDigest(study, task, settings.items, 'think');
  const identity = [rows, settings, scorer, ...modelIdentity(study, cell)];
  return measurementFile(study, cell, `held-out-${shortHash(identity)}`, measuringCode('validation', scorer));
}

/** The file that says how often a cell works a question out. */
export function readingFile(study: Study, cell: Cell | BaseCell, settings: ReadingSettings): string {
  const rows = solvedRowsDigest(study, cell.task, settings.rows);
  const identity = [rows, settings as unknown as Json, ...modelIdentity(study, cell)];
  return measurementFile(study, cell, `reading-${shortHash(identity)}`, measuringCode('reading', undefined));
}

function measurementFile(study: Study, cell: Cell | BaseCell, name: string, code: CodeVersion): string {
  const folder = cell.kind === 'base' ? baseCellFolder(study, cell) : cellFolder(study, cell);
  const file = path.join(folder, `${name}-${code.version}.json`);
  if (!study.acceptStale || existsSync(file)) return file;
  return newestOther(file, (candidate) => candidate) ?? file;
}

/** The folder of what is measured of a base model on a task. */
export function baseCellFolder(study: Study, cell: BaseCell): string {
  const folder = baseFolderOf(study, cell);
  const other = folder === study.base ? '' : `-${baseDigest(folder).slice(0, 8)}`;
  return path.join(study.folder, 'cells', `base-${cell.task}${other}`);
}

/** The arithmetic and, for a base model, its weights. For a trained cell the folder name already identifies the weights. */
function modelIdentity(study: Study, cell: Cell | BaseCell): Json[] {
  const { precision = 'float32', xla } = askedArithmetic();
  return [xla ? `${precision} with XLA` : precision, cell.kind === 'base' ? baseDigest(baseFolderOf(study, cell)) : ''];
}

function shortHash(value: unknown): string {
  return configurationHash(value as Json).slice(0, 8);
}

function currentFolder(study: Study, cell: Cell): string {
  const name = `${cell.kind}-${configurationHash(configurationOf(study, cell))}-${versionOf(study, cell)}`;
  return path.join(study.folder, 'cells', name);
}

function configurationOf(study: Study, cell: Cell): Json {
  checkCellNames(cell);
  const { validation, task } = cell;
  const curve = cell.kind === 'grpo' ? cell.curve : undefined;
  const style = cellStyle(cell);
  return {
    cell: withoutBaseName(cell),
    rows: trainingRowsDigest(study, cell),
    ...(validation?.evaluateEvery ? { heldOut: heldOutRowsDigest(study, task, validation.items, style) } : {}),
    ...(curve ? { tests: testSetsOf(task).map((set) => testRowsDigest(study, set, task, style)) } : {}),
    start:
      cell.kind === 'grpo' && cell.start !== 'base'
        ? configurationOf(study, cell.start)
        : baseDigest(baseFolderOf(study, cell)),
    ...askedArithmetic(),
  } as unknown as Json;
}

/** The version of the code that trains a cell; with a start cell, of the code that trained that too. */
function versionOf(study: Study, cell: Cell): string {
  const { version } = cellCode(cell);
  if (cell.kind === 'sft' || cell.start === 'base') return version;
  const start = path.basename(cellFolder(study, cell.start)).split('-').at(-1)!;
  return createHash('sha256').update(`${version} ${start}`).digest('hex').slice(0, 8);
}

/** The code that trains a cell, without that of its start cell. */
export function cellCode(cell: Cell): CodeVersion {
  const curve = cell.kind === 'grpo' && cell.curve !== undefined;
  const scorer = cell.validation?.evaluateEvery || curve ? nameOfScorer(TASKS[cell.task].score) : undefined;
  const rewards = cell.kind === 'grpo' ? (Object.keys(cell.rewards) as RewardName[]) : [];
  return trainingCode({ kind: cell.kind, rewards, scorer, ...(curve ? { evaluation: 'curve' } : {}) });
}

/**
 * Finds the newest of the files or folders whose names differ from one in the code's version alone, at the name's end.
 *
 * @param requiredFile the file that must exist for a candidate to count
 */
function newestOther(current: string, requiredFile: (candidate: string) => string): string | undefined {
  const [parent, name] = [path.dirname(current), path.basename(current)];
  const extension = path.extname(name);
  const stem = name.slice(0, name.lastIndexOf('-') + 1);
  const isAlike = (candidate: string) =>
    candidate !== name &&
    candidate.startsWith(stem) &&
    candidate.endsWith(extension) &&
    /^[0-9a-f]{8}$/.test(candidate.slice(stem.length, candidate.length - extension.length));
  if (!existsSync(parent)) return undefined;
  return readdirSync(parent)
    .filter(isAlike)
    .map((candidate) => path.join(parent, candidate))
    .filter((candidate) => existsSync(requiredFile(candidate)))
    .sort((a, b) => statSync(requiredFile(b)).mtimeMs - statSync(requiredFile(a)).mtimeMs)[0];
}
