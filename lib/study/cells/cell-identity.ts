/**
 * What makes a cell the run that it is, and by that where it lies: `cells/{kind}-{configuration}-{code}`.
 *
 * - configuration: the cell's settings; the rows it trains on as a model is shown them, and held-out ones where it is validated;
 *   its start (the base model's weights, or the start cell's own configuration); the precision;
 * - code: the sources that train it and its start cell (`code-version.ts`).
 *
 * A measure's file is named by the rows it is measured on, the length of completions, the scorer, and the code that measures.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { askedPrecision } from '../../engine/backend.js';
import { fileDigest } from '../../engine/file-digest.js';
import { weightsFile } from '../../model/model.js';
import * as scorers from '../../rewards/scorer.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASKS, type TaskName, type TestSet } from '../../tasks/tasks.js';
import { configurationHash, type Json } from '../../train/run-directory.js';
import { longestCompletion } from '../profile.js';
import type { Study } from '../workspace.js';
import type { BaseCell, Cell } from './cell.js';
import { heldOutRowsDigest, testRowsDigest, trainingRowsDigest } from './cell-rows.js';
import { type CodeVersion, changedSources, measuringCode, trainingCode } from './code-version.js';
import type { ValidationSettings } from './validation.js';

/** The folder of a cell: as this code trains it, or what other code has finished, where the study accepts that. */
export function cellFolder(study: Study, cell: Cell): string {
  return staleCell(study, cell)?.accepted ?? currentFolder(study, cell);
}

/** What other code has finished of a cell that this code has not. */
export interface StaleCell {
  folder: string;
  /** Sources that differ, by their names below `lib`; those of the start cell are told by that. */
  changed: string[];
  /** The folder again, where the study accepts it. */
  accepted?: string;
}

/** The newest of a cell's folders that other code has finished, unless this code has finished it. */
export function staleCell(study: Study, cell: Cell): StaleCell | undefined {
  const current = currentFolder(study, cell);
  if (existsSync(path.join(current, 'result.json'))) return undefined;
  const folder = newestOther(current, (each) => path.join(each, 'result.json'));
  if (folder === undefined) return undefined;
  const file = path.join(folder, 'code.json');
  const before: CodeVersion = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as CodeVersion)
    : { version: '', files: {} };
  const changed = changedSources(before, ownCode(cell));
  return { folder, changed, ...(study.acceptStale ? { accepted: folder } : {}) };
}

/** In words, what has trained a stale cell. */
export function staleText({ changed }: Pick<StaleCell, 'changed'>): string {
  if (changed.length === 0) return 'trained from a start cell that other code trained';
  const others = changed.length > 3 ? ` and ${changed.length - 3} more` : '';
  return `trained by other code (since changed: ${changed.slice(0, 3).join(', ')}${others})`;
}

/** Writes down beside a run which code trains it. */
export function keepCode(study: Study, cell: Cell): void {
  const file = path.join(currentFolder(study, cell), 'code.json');
  if (!existsSync(file)) writeFileAtomic(file, `${JSON.stringify(ownCode(cell), null, 2)}\n`);
}

/** Where an evaluation of a cell is kept: beside its checkpoint; the base model's in a folder of the task. */
export function evaluationFile(study: Study, cell: Cell | BaseCell, set: TestSet, style: PromptStyle): string {
  const { task } = cell;
  const what = [
    testRowsDigest(study, set, task, style),
    longestCompletion(study.profile, task),
    scorerName(task),
    ...measured(study, cell),
  ];
  return measureFile(study, cell, `evaluation-${set}-${style}-${shortHash(what)}`, measuringCode('evaluation'));
}

/** Where a measure of a cell on held-out rows is kept. */
export function heldOutFile(study: Study, cell: Cell | BaseCell, settings: ValidationSettings): string {
  const { task } = cell;
  const rows = heldOutRowsDigest(study, settings.items, task);
  const what = [rows, settings, scorerName(task), ...measured(study, cell)];
  return measureFile(study, cell, `held-out-${shortHash(what)}`, measuringCode('heldOut'));
}

function measureFile(study: Study, cell: Cell | BaseCell, name: string, code: CodeVersion): string {
  const home = cell.kind === 'base' ? path.join(study.folder, 'cells', `base-${cell.task}`) : cellFolder(study, cell);
  const file = path.join(home, `${name}-${code.version}.json`);
  if (!study.acceptStale || existsSync(file)) return file;
  return newestOther(file, (each) => each) ?? file;
}

/** What a measure depends on beside rows and settings; a trained cell's folder says the rest. */
function measured(study: Study, cell: Cell | BaseCell): Json[] {
  return [askedPrecision(), cell.kind === 'base' ? baseDigest(study) : ''];
}

/** @throws Error where the scorer is none of `evaluate/scorer.ts`, which is what the code's digest covers */
function scorerName(task: TaskName): string {
  const name = Object.entries(scorers).find(([, scorer]) => scorer === TASKS[task].score)?.[0];
  if (name === undefined) throw new Error(`the scorer of task ${task} must be one of lib/evaluate/scorer.ts`);
  return name;
}

function shortHash(value: unknown): string {
  return configurationHash(value as Json).slice(0, 8);
}

function currentFolder(study: Study, cell: Cell): string {
  const name = `${cell.kind}-${configurationHash(configurationOf(study, cell))}-${codeOf(study, cell)}`;
  return path.join(study.folder, 'cells', name);
}

function configurationOf(study: Study, cell: Cell): Json {
  const { validation } = cell;
  const precision = askedPrecision();
  return {
    cell,
    rows: trainingRowsDigest(study, cell),
    ...(validation?.evaluateEvery ? { heldOut: heldOutRowsDigest(study, validation.items, cell.task) } : {}),
    start: cell.kind === 'grpo' && cell.start !== 'base' ? configurationOf(study, cell.start) : baseDigest(study),
    ...(precision === 'float32' ? {} : { precision }),
  } as unknown as Json;
}

/** The version of the code that trains a cell; with a start cell, of what trained that too. */
function codeOf(study: Study, cell: Cell): string {
  const { version } = ownCode(cell);
  if (cell.kind === 'sft' || cell.start === 'base') return version;
  const start = path.basename(cellFolder(study, cell.start)).split('-').at(-1)!;
  return createHash('sha256').update(`${version} ${start}`).digest('hex').slice(0, 8);
}

function ownCode(cell: Cell): CodeVersion {
  return trainingCode(cell.kind, Boolean(cell.validation?.evaluateEvery));
}

/** The newest of the files or folders that are named alike but for the code at the name's end. */
function newestOther(current: string, proof: (each: string) => string): string | undefined {
  const [parent, name] = [path.dirname(current), path.basename(current)];
  const extension = path.extname(name);
  const stem = name.slice(0, name.lastIndexOf('-') + 1);
  if (!existsSync(parent)) return undefined;
  return readdirSync(parent)
    .filter((each) => each !== name && each.startsWith(stem) && /^[0-9a-f]{8}$/.test(middle(each, stem, extension)))
    .map((each) => path.join(parent, each))
    .filter((each) => existsSync(proof(each)))
    .sort((a, b) => statSync(proof(b)).mtimeMs - statSync(proof(a)).mtimeMs)[0];
}

function middle(name: string, stem: string, extension: string): string {
  return name.endsWith(extension) ? name.slice(stem.length, name.length - extension.length) : '';
}

const digests = new Map<string, string>();

function baseDigest(study: Study): string {
  const file = weightsFile(study.base);
  // Known by time and size too: a live kernel must notice that the weights are others.
  const { mtimeMs, size } = statSync(file);
  const key = `${file} ${mtimeMs} ${size}`;
  const known = digests.get(key) ?? fileDigest(file);
  digests.set(key, known);
  return known;
}
