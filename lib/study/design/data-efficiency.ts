/** Data efficiency: the paper's trained paradigms on fewer and fewer rows, which are always the first ones of the same data. */
import type { TaskName } from '../../tasks/tasks.js';
import { type SftSettings, sftSteps } from '../../train/sft.js';
import type { Cell, SftCell } from '../cells/cell.js';
import { taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';
import { grpoOnRows, paradigmCell, stageOneCell, stageTwoRows } from './paradigms.js';

/** The paradigms that are trained on fewer rows: those of the paper. */
export const EFFICIENCY_PARADIGMS = ['ans-sft', 'cot-sft', 'reason-rft-zero', 'reason-rft'] as const;
export type EfficiencyParadigm = (typeof EFFICIENCY_PARADIGMS)[number];

/** The share of the training rows at which the study checks the paper's claim of data efficiency. */
export const SMALL_SHARE = 0.05;

/** 5 % of the training rows; at least two, one for each stage. */
export function fewRows({ profile }: Study, task: TaskName): number {
  return Math.max(2, Math.round(SMALL_SHARE * taskProfile(profile, task).trainRows));
}

/** The sizes of a task's curve. */
export function efficiencyRows({ profile }: Study, task: TaskName): readonly number[] {
  return taskProfile(profile, task).efficiency.rows;
}

/** The training seeds of a size. Claims rest on 5 % and on all rows, so these have every seed; for other sizes the profile chooses. */
export function efficiencySeeds(study: Study, rows: number, task: TaskName): readonly number[] {
  const { seeds, efficiency, trainRows } = taskProfile(study.profile, task);
  return rows === trainRows || rows === fewRows(study, task) ? seeds : efficiency.seeds;
}

/**
 * The cell of a paradigm on the first rows. On all rows it is the paradigm's own cell. On fewer:
 *
 * - SFT makes the same number of passes, but takes at least the steps that the profile says. With a handful of steps the curve would
 *   show how short the training was, and not how few its rows were.
 * - GRPO takes the same number of steps, or the profile's number for smaller sizes, so each prompt comes more often. A profile that
 *   counts passes has as many steps as these make.
 * - Reason-RFT trains stage 1 on the first half of the rows, but never on more than its stage 1 on all rows has, and in as many steps.
 *   GRPO trains on the rest.
 *
 * @param rows the rows of all stages together, 2 or more
 */
export function efficiencyCell(
  study: Study,
  paradigm: EfficiencyParadigm,
  rows: number,
  task: TaskName,
  seed: number,
): Cell {
  const profile = taskProfile(study.profile, task);
  const { trainRows, stageOneRows, efficiency } = profile;
  if (!Number.isInteger(rows) || rows < 2 || rows > trainRows)
    throw new Error(`data efficiency: rows must be a whole number from 2 to ${trainRows}, all rows, got ${rows}`);
  const whole = paradigmCell(study, paradigm, task, seed);
  if (rows === trainRows) return whole;
  if (whole.kind === 'sft') return fewer(whole, rows, efficiency.leastSftSteps);
  const { curve: _, ...withoutCurve } = whole;
  const cell = {
    ...withoutCurve,
    settings: { ...whole.settings, steps: efficiency.grpoSteps ?? whole.settings.steps },
  };
  if (cell.start === 'base') return grpoOnRows(cell, [0, rows], profile);
  const first = Math.min(stageOneRows, Math.floor(rows / 2));
  const stageOneSteps = sftSteps(stageOneRows, profile.stageOne);
  const start =
    first === stageOneRows ? cell.start : fewer(stageOneCell(study, task, seed, first), first, stageOneSteps);
  return grpoOnRows({ ...cell, start }, stageTwoRows(profile, first, rows), profile);
}

/** An SFT cell on its first rows. */
function fewer(cell: SftCell, rows: number, leastSteps: number): SftCell {
  return { ...cell, rows: [0, rows], settings: withLeastSteps(cell.settings, rows, leastSteps) };
}

/** Settings whose passes over so many rows make at least so many steps. */
function withLeastSteps(settings: SftSettings, rows: number, leastSteps: number): SftSettings {
  return { ...settings, epochs: Math.max(settings.epochs, (leastSteps * settings.batchSize) / rows) };
}
