/**
 * A cell on rows of one's own, as a plain object: what a sweep varies. `ready-cell.ts` reads what it names, `run-own-cell.ts` trains and
 * measures it.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { refuseUnknownNames } from '../../engine/names.js';
import { WEIGHT_TYPES, type WeightType } from '../../model/held-weights.js';
import { cachedModel, parseId } from '../../model/hub-cache.js';
import type { PixelBounds } from '../../model/image-processor.js';
import type { LoraSettings } from '../../model/lora.js';
import { checkModelFolder } from '../../model/model-folder.js';
import { isOwnFile } from '../../rewards/own-code.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { SettingsChanges } from '../../train/settings.js';
import type { SftSettings } from '../../train/sft.js';
import type { SftTarget } from './prepared-rows.js';

/** Held-out rows, and how often a cell is evaluated on them while it trains. */
export interface OwnValidation {
  data: string;
  images?: string;
  /** Steps between two evaluations. */
  evaluateEvery: number;
  /** k: completions sampled of each row, for pass@k. Default: 4. */
  samples?: number;
}

/** A test set of one's own. */
export interface OwnTestSet {
  data: string;
  images?: string;
}

interface OwnCellBase extends PixelBounds {
  /** The file of the training rows. */
  data: string;
  /** The folder of their pictures. Default: beside the file, as in the commands. */
  images?: string;
  /** What is asked about a row: a template such as `{{ problem }} Answer with one word.` Default: the words of the rows' task. */
  prompt?: string;
  /** The system's turn, a template too. Default: none. */
  system?: string;
  /** The settings that are changed are changed from these. Default: those that the start checkpoint brings, or the paper's. */
  preset?: 'nano' | 'reason-rft' | 'trl';
  /**
   * A checkpoint's folder, the id of a model that `fetchModelFolder` has fetched, or a cell that is trained first. Default: the base
   * model that comes with the kit.
   */
  start?: string | OwnCell;
  /** The adapters that are trained in place of all weights. Default: none. */
  lora?: LoraSettings;
  /** The type that weights are held in. Default: `auto`, as the checkpoint has them. */
  dtype?: WeightType;
  /** What counts as right, in validation and tests: `kit`, `symbolic`, `released`, or a file, `./mine.ts#score`. Default: `kit`, the task's. */
  scorer?: string;
  validation?: OwnValidation;
  /** Test sets by their names, on which the trained cell is measured; one file is the set `test`. */
  test?: string | { readonly [set: string]: OwnTestSet };
  /** The longest completion in tests, in tokens. Default: as in training. */
  testTokens?: number;
}

export interface OwnSftCell extends OwnCellBase {
  kind: 'sft';
  /** The answers alone, or rationales with answers in tags. Default: `cot`. */
  target?: SftTarget;
  settings?: SettingsChanges<SftSettings>;
}

export interface OwnGrpoCell extends OwnCellBase {
  kind: 'grpo';
  /** A list such as `accuracy,./mine.ts#brevity=0.2`. Default: the rewards of the rows' task. */
  rewards?: string;
  settings?: SettingsChanges<GrpoSettings>;
}

/** A training run on rows of one's own. */
export type OwnCell = OwnSftCell | OwnGrpoCell;

const SHARED = [
  'kind',
  'data',
  'images',
  'prompt',
  'system',
  'preset',
  'start',
  'lora',
  'dtype',
  'minPixels',
  'maxPixels',
  'scorer',
  'validation',
  'test',
  'testTokens',
  'settings',
];

/** The names of a cell's fields. */
export function ownCellFields(kind: OwnCell['kind']): string[] {
  return [...SHARED, kind === 'sft' ? 'target' : 'rewards'];
}

/** Checks the names of a cell's fields, and those of its start. @throws Error naming the field and the nearest right one */
export function checkOwnCell(cell: OwnCell, place: string): void {
  if (cell.kind !== 'sft' && cell.kind !== 'grpo')
    throw new Error(`${place}kind must be sft or grpo, got ${JSON.stringify((cell as { kind?: unknown }).kind)}`);
  if (typeof cell.data !== 'string') throw new Error(`${place}data must name the file of the training rows`);
  refuseUnknownNames(cell, ownCellFields(cell.kind), 'field', place);
  const { validation, test, start, preset, dtype, scorer } = cell;
  if (validation) {
    refuseUnknownNames(validation, ['data', 'images', 'evaluateEvery', 'samples'], 'field', `${place}validation: `);
    if (typeof validation.data !== 'string')
      throw new Error(`${place}validation needs data, the file of the held-out rows`);
  }
  if (typeof test === 'object')
    for (const [set, source] of Object.entries(test))
      refuseUnknownNames(source, ['data', 'images'], 'field', `${place}test ${set}: `);
  if (typeof start === 'object') checkOwnCell(start, `${place}start: `);
  if (dtype !== undefined && !WEIGHT_TYPES.includes(dtype))
    throw new Error(`${place}dtype must be ${WEIGHT_TYPES.join(', ')}, got ${JSON.stringify(dtype)}`);
  if (scorer !== undefined && typeof scorer !== 'string')
    throw new Error(`${place}scorer must be a text such as ./mine.ts#score, got ${JSON.stringify(scorer)}`);
  checkPixels(cell, place);
  if (preset !== undefined && !['nano', 'reason-rft', 'trl'].includes(preset))
    throw new Error(`${place}there is no preset '${preset}'; choose nano, reason-rft or trl`);
}

function checkPixels({ minPixels, maxPixels }: PixelBounds, place: string): void {
  for (const [name, value] of Object.entries({ minPixels, maxPixels }))
    if (value !== undefined && (!Number.isInteger(value) || value < 1))
      throw new Error(`${place}${name} must be a whole number of 1 or more, got ${JSON.stringify(value)}`);
  if (minPixels !== undefined && maxPixels !== undefined && minPixels > maxPixels)
    throw new Error(`${place}minPixels ${minPixels} is more than maxPixels ${maxPixels}`);
}

/** The bounds of pixels that a cell sets. */
export function cellBounds({ minPixels, maxPixels }: OwnCell): PixelBounds {
  return { ...(minPixels === undefined ? {} : { minPixels }), ...(maxPixels === undefined ? {} : { maxPixels }) };
}

/**
 * The folder of a checkpoint that a cell starts from.
 *
 * @throws Error where it is neither a folder nor the id of a model in the hub's cache, or the folder of a run and not of its checkpoint
 */
export function startFolder(start: string): string {
  const folder = existsSync(start) ? start : cachedModel(start);
  if (folder === undefined)
    throw new Error(
      `start: there is no folder '${start}', nor is it the id of a model in the hub's cache; fetchModelFolder('${start}') fetches one`,
    );
  checkModelFolder(folder);
  return folder;
}

/** The full path of a folder that is there. An id stays as it is: it means a folder of the hub's cache. */
function fullStart(start: string): string {
  return !existsSync(start) && parseId(start) ? start : path.resolve(start);
}

/** The cell with every path from the root: a process that works in another folder reads the same files. */
export function withFullPaths(cell: OwnCell): OwnCell {
  const full = <T extends { data: string; images?: string }>(source: T): T => ({
    ...source,
    data: path.resolve(source.data),
    ...(source.images === undefined ? {} : { images: path.resolve(source.images) }),
  });
  const { start, validation, test, scorer } = cell;
  return {
    ...full(cell),
    ...(start === undefined ? {} : { start: typeof start === 'string' ? fullStart(start) : withFullPaths(start) }),
    ...(validation ? { validation: full(validation) } : {}),
    ...(test === undefined ? {} : { test: mapValues(testSets(cell), full) }),
    ...(scorer === undefined ? {} : { scorer: fullFile(scorer) }),
    ...(cell.kind === 'grpo' && cell.rewards !== undefined ? { rewards: fullRewards(cell.rewards) } : {}),
  };
}

/** The test sets of a cell by their names. */
export function testSets({ test }: OwnCell): { readonly [set: string]: OwnTestSet } {
  return typeof test === 'string' ? { test: { data: test } } : (test ?? {});
}

function fullRewards(list: string): string {
  return list.split(',').map(fullFile).join(',');
}

/** `./mine.ts#name=0.2` with the full path of its file; a name of the kit as it is. */
function fullFile(entry: string): string {
  const [, target = '', rest = ''] = /^\s*([^#=]*)(.*)$/.exec(entry)!;
  return isOwnFile(target) ? `${path.resolve(target)}${rest}` : entry;
}

function mapValues<V, W>(object: { readonly [name: string]: V }, map: (value: V) => W): { [name: string]: W } {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));
}
