/**
 * The knob and the budget. The base models of this part differ in one thing: how often their last phase of pretraining works a question out
 * behind the study's prompt. From each of them the same paradigms are trained, and GRPO's are measured along the way: so that one sees from
 * which share on reinforcement alone finds the reasoning, and how many completions a first phase saves.
 */
import { TASK_NAMES, type TaskName } from '../../tasks/tasks.js';
import type { BaseCell, GrpoCell, SftCell } from '../cells/cell.js';
import type { ReadingSettings } from '../cells/reading.js';
import type { KnobLevel, KnobSettings } from '../knob-settings.js';
import { longestCompletion, taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';
import { paradigmCell, reasonRftCell, stageOneCell } from './paradigms.js';

/** The paradigms of the knob that draw completions, and so have a curve over their number. */
export const KNOB_DRAWERS = ['reason-rft-zero', 'reason-rft'] as const;
export type KnobDrawer = (typeof KNOB_DRAWERS)[number];

/** The settings of a study's knob; undefined of a study that has none. */
export function knobOf({ profile }: Study): KnobSettings | undefined {
  return profile.released ? undefined : profile.knob;
}

/** The tasks of a study's knob, in the order of figures. */
export function knobTasks(study: Study): TaskName[] {
  const tasks = knobOf(study)?.tasks ?? [];
  return TASK_NAMES.filter((task) => tasks.includes(task));
}

/** The base model of a level. */
export function knobBase(level: KnobLevel, task: TaskName): BaseCell {
  return { kind: 'base', task, base: level.name };
}

/** Stage 1 from the base model of a level. */
export function knobStageOne(study: Study, level: KnobLevel, task: TaskName, seed: number): SftCell {
  return { ...stageOneCell(study, task, seed), base: level.name };
}

/** CoT-SFT from the base model of a level. */
export function knobCotSft(study: Study, level: KnobLevel, task: TaskName, seed: number): SftCell {
  return { ...paradigmCell(study, 'cot-sft', task, seed), base: level.name };
}

/** GRPO from the base model of a level, or from its stage 1. The cells differ from the paradigms' in the base model alone. */
export function knobGrpo(study: Study, paradigm: KnobDrawer, level: KnobLevel, task: TaskName, seed: number): GrpoCell {
  return paradigm === 'reason-rft'
    ? { ...reasonRftCell(study, task, seed), start: knobStageOne(study, level, task, seed) }
    : { ...paradigmCell(study, paradigm, task, seed), base: level.name };
}

/** The completions that a GRPO cell has drawn after so many steps. */
export function drawsAfter({ settings }: GrpoCell, steps: number): number {
  return steps * settings.promptsPerStep * settings.completions;
}

/**
 * How the share of worked-out completions is measured: on training rows that stage 1 does not see.
 *
 * @throws Error when the profile has no knob
 */
export function readingSettings(study: Study, task: TaskName): ReadingSettings {
  const knob = knobOf(study);
  if (!knob) throw new Error(`the profile ${study.profile.name} has no part 'knob'`);
  const profile = taskProfile(study.profile, task);
  const { prompts, completions } = knob.reading;
  const from = profile.stageOneRows;
  return { rows: [from, from + prompts], completions, maxNewTokens: longestCompletion(profile, task) };
}
