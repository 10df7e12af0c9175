/** What a cell is: one training run of a study, as a plain object. `run-cell.ts` trains it, `cell-identity.ts` says where it lies. */
import { checkNames, refuseUnknownNames } from '../../engine/names.js';
import { checkLoraNames, type LoraSettings } from '../../model/lora.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import type { TaskName } from '../../tasks/tasks.js';
import { checkGrpoNames, type GrpoSettings } from '../../train/grpo-settings.js';
import { checkSftNames, type SftSettings, sftSteps } from '../../train/sft.js';
import { type CurveSettings, checkCurveNames } from './learning-curve.js';
import { type SftTarget, styleOfTarget } from './prepared-rows.js';
import type { RunResult } from './train-run.js';
import { checkValidationNames, type ValidationSettings } from './validation.js';

/** Supervised fine-tuning of a base model on training rows [from, to). */
export interface SftCell {
  kind: 'sft';
  task: TaskName;
  /** The name of the base model, if it is not the study's own (`Study.bases`). */
  base?: string;
  target: SftTarget;
  rows: [from: number, to: number];
  settings: SftSettings;
  /** Evaluation on held-out rows while the cell trains. Default: none. */
  validation?: ValidationSettings;
  /** The adapters that are trained in place of all weights. Default: none. */
  lora?: LoraSettings;
  /** The share of rows that are spoiled first, as a careless annotator would: what curation takes out. Default: none. */
  spoiledShare?: number;
  /** Takes the solutions that the base model's own pretraining shows of such rows, in place of an annotator's rationales. */
  ownWords?: true;
  /** Deals the rows' answers and rationales anew among rows of their kind first: the control that must score at chance. */
  shuffledLabels?: true;
}

/** GRPO from the base model, or from what another cell of the same task trained, on training rows [from, to). */
export interface GrpoCell {
  kind: 'grpo';
  task: TaskName;
  start: 'base' | SftCell;
  /** The name of the base model that it starts from, if it is not the study's own. A start cell names its base model itself. */
  base?: string;
  rows: [from: number, to: number];
  /** The weight of each reward. */
  rewards: { [name in RewardName]?: number };
  settings: GrpoSettings;
  /** The style of its prompts, in training and in validation. Default: `think`. */
  style?: Exclude<PromptStyle, 'think'>;
  /** Evaluation on held-out rows while the cell trains. Default: none. */
  validation?: ValidationSettings;
  /** Points of accuracy on the test sets while the cell trains, which choose nothing. Default: none. */
  curve?: CurveSettings;
  /** The adapters that are trained in place of all weights; those of the start cell are merged first. Default: none. */
  lora?: LoraSettings;
}

/** A base model, asked about a task. Nothing is trained. */
export interface BaseCell {
  kind: 'base';
  task: TaskName;
  /** Its name, if it is not the study's own. */
  base?: string;
}

/** A training run. */
export type Cell = SftCell | GrpoCell;

/** The `result.json` of a finished cell. Its paths are relative to the study's folder. */
export type CellResult = RunResult;

/** The number of steps that a cell trains. */
export function cellSteps(cell: Cell): number {
  return cell.kind === 'grpo' ? cell.settings.steps : sftSteps(cell.rows[1] - cell.rows[0], cell.settings);
}

/** The style of a cell's prompts. It is evaluated in the same one. */
export function cellStyle(cell: Cell): PromptStyle {
  return cell.kind === 'sft' ? styleOfTarget(cell.target) : (cell.style ?? 'think');
}

/** The fields of each kind of cell that must be there, and those that may be; the compiler asks for each. */
const FIELDS: {
  readonly sft: { readonly [name in keyof SftCell]-?: 'needed' | 'optional' };
  readonly grpo: { readonly [name in keyof GrpoCell]-?: 'needed' | 'optional' };
} = {
  sft: {
    kind: 'needed',
    task: 'needed',
    base: 'optional',
    target: 'needed',
    rows: 'needed',
    settings: 'needed',
    validation: 'optional',
    lora: 'optional',
    spoiledShare: 'optional',
    ownWords: 'optional',
    shuffledLabels: 'optional',
  },
  grpo: {
    kind: 'needed',
    task: 'needed',
    start: 'needed',
    base: 'optional',
    rows: 'needed',
    rewards: 'needed',
    settings: 'needed',
    style: 'optional',
    validation: 'optional',
    curve: 'optional',
    lora: 'optional',
  },
};

/**
 * Checks the names of all fields and settings of a cell and of its start cell. A slip would otherwise train something else than
 * was meant, in a folder of its own, and say nothing.
 *
 * @throws Error naming a field, setting or reward that does not exist, with the nearest one that does, or one that is missing
 */
export function checkCellNames(cell: Cell): void {
  const fields = FIELDS[cell.kind];
  if (!fields)
    throw new Error(`cell: there is no kind '${cell.kind}'; the kinds are ${Object.keys(FIELDS).join(', ')}`);
  const names = Object.entries(fields);
  const needed = names.filter(([name, need]) => need === 'needed' || name in cell).map(([name]) => name);
  refuseUnknownNames(cell, Object.keys(fields), 'field', 'cell: ');
  checkNames(cell, needed, 'field', 'cell: ');
  if (cell.validation) checkValidationNames(cell.validation);
  if (cell.lora) checkLoraNames(cell.lora);
  if (cell.kind === 'sft') {
    checkSftNames(cell.settings);
    return;
  }
  checkGrpoNames(cell.settings);
  if (cell.curve) checkCurveNames(cell.curve);
  if (cell.curve && cell.validation)
    throw new Error(
      "cell: it has a 'curve' and a 'validation'; a run has one evaluation while it trains, so take one of them",
    );
  refuseUnknownNames(cell.rewards, Object.keys(REWARDS), 'reward', 'cell: ');
  if (cell.start === 'base') return;
  if (cell.base !== undefined)
    throw new Error(
      `cell: 'base' names ${cell.base}, but the base model is that of the cell in 'start'; name it there`,
    );
  checkCellNames(cell.start);
}

/**
 * The cell without the name of its base model: what its run is described by. The base model itself is part of the cell's identity by its
 * contents, so that two names of one base model make one run.
 */
export function withoutBaseName<C extends Cell>(cell: C): C {
  const { base: _, ...rest } = cell;
  if (cell.kind === 'sft' || cell.start === 'base') return rest as C;
  return { ...rest, start: withoutBaseName(cell.start) } as C;
}
