/** The five paradigms that the paper compares, as cells. */
import type { RewardName } from '../../rewards/rewards.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { BaseCell, Cell, GrpoCell, SftCell } from '../cells/cell.js';
import { longestCompletion, type TaskProfile, taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';

/** The paradigms that the paper compares, in its order. */
export const PARADIGMS = ['zero-shot', 'ans-sft', 'cot-sft', 'reason-rft-zero', 'reason-rft'] as const;
/** One of the five paradigms. */
export type Paradigm = (typeof PARADIGMS)[number];

/** The paradigms that train something. */
export const TRAINED_PARADIGMS = ['ans-sft', 'cot-sft', 'reason-rft-zero', 'reason-rft'] as const;
export type TrainedParadigm = (typeof TRAINED_PARADIGMS)[number];

/** The paradigms' names as the paper writes them. */
export const PARADIGM_NAMES: { readonly [paradigm in Paradigm]: string } = {
  'zero-shot': 'Zero-shot',
  'ans-sft': 'ANS-SFT',
  'cot-sft': 'CoT-SFT',
  'reason-rft-zero': 'Reason-RFT-Zero',
  'reason-rft': 'Reason-RFT',
};

/** The style of each paradigm's prompts, the same in training and in evaluation. */
export const PARADIGM_PROMPTS: { readonly [paradigm in Paradigm]: PromptStyle } = {
  'zero-shot': 'direct',
  'ans-sft': 'bare',
  'cot-sft': 'think',
  'reason-rft-zero': 'think',
  'reason-rft': 'think',
};

/** Rewards, each of weight 1. */
export function rewardsOfWeightOne(names: readonly RewardName[]): GrpoCell['rewards'] {
  return Object.fromEntries(names.map((name) => [name, 1]));
}

/** The rewards that a task's GRPO earns. */
export function taskRewards(task: TaskName): GrpoCell['rewards'] {
  return rewardsOfWeightOne(TASKS[task].rewards);
}

/** Settings of GRPO with a task's longest completion and a seed. */
export function taskGrpo(
  settings: GrpoSettings,
  profile: Pick<TaskProfile, 'completionTokens'>,
  task: TaskName,
  seed: number,
): GrpoSettings {
  return { ...settings, maxNewTokens: longestCompletion(profile, task), seed };
}

/** A GRPO cell on other rows. If the profile counts passes, the steps follow from the rows. */
export function grpoOnRows(cell: GrpoCell, rows: GrpoCell['rows'], { grpoEpochs }: TaskProfile): GrpoCell {
  const { promptsPerStep, steps } = cell.settings;
  const passes = grpoEpochs && Math.max(1, Math.round(((rows[1] - rows[0]) * grpoEpochs) / promptsPerStep));
  return { ...cell, rows, settings: { ...cell.settings, steps: passes ?? steps } };
}

/** The rows of stage 2 of Reason-RFT, when there are `rows` rows and stage 1 takes the first `first`. */
export function stageTwoRows({ stageTwoFrom }: TaskProfile, first: number, rows: number): GrpoCell['rows'] {
  return [Math.min(stageTwoFrom ?? first, first), rows];
}

/**
 * Stage 1 of Reason-RFT: chain-of-thought fine-tuning on the first rows.
 *
 * @param seed default: the profile's first
 * @param rows default: as many as the profile gives stage 1
 */
export function stageOneCell(
  study: Study,
  task: TaskName,
  seed = study.profile.seeds[0]!,
  rows = taskProfile(study.profile, task).stageOneRows,
): SftCell {
  const { stageOne } = taskProfile(study.profile, task);
  return { kind: 'sft', task, target: 'cot', rows: [0, rows], settings: { ...stageOne, seed } };
}

/** The cell that a paradigm trains; zero-shot trains nothing and is the base model. The seed defaults to the profile's first. */
export function paradigmCell(study: Study, paradigm: 'zero-shot', task: TaskName, seed?: number): BaseCell;
export function paradigmCell(study: Study, paradigm: 'ans-sft' | 'cot-sft', task: TaskName, seed?: number): SftCell;
export function paradigmCell(
  study: Study,
  paradigm: 'reason-rft-zero' | 'reason-rft',
  task: TaskName,
  seed?: number,
): GrpoCell;
export function paradigmCell(study: Study, paradigm: TrainedParadigm, task: TaskName, seed?: number): Cell;
export function paradigmCell(study: Study, paradigm: Paradigm, task: TaskName, seed?: number): Cell | BaseCell;
export function paradigmCell(
  study: Study,
  paradigm: Paradigm,
  task: TaskName,
  seed = study.profile.seeds[0]!,
): Cell | BaseCell {
  const profile = taskProfile(study.profile, task);
  const rows: [number, number] = [0, profile.trainRows];
  switch (paradigm) {
    case 'zero-shot':
      return { kind: 'base', task };
    case 'ans-sft':
      return { kind: 'sft', task, target: 'answer', rows, settings: { ...profile.answerSft, seed } };
    case 'cot-sft':
      return { kind: 'sft', task, target: 'cot', rows, settings: { ...profile.cotSft, seed } };
    case 'reason-rft-zero': {
      const settings = taskGrpo(profile.grpo, profile, task, seed);
      return grpoOnRows(
        { kind: 'grpo', task, start: 'base', rows, rewards: taskRewards(task), settings },
        rows,
        profile,
      );
    }
    case 'reason-rft':
      return reasonRftCell(study, task, seed);
  }
}

/** Reason-RFT: stage 1, then GRPO on the rest of the rows. */
export function reasonRftCell(study: Study, task: TaskName, seed = study.profile.seeds[0]!): GrpoCell {
  const profile = taskProfile(study.profile, task);
  const { stageOneRows, trainRows } = profile;
  const rows = stageTwoRows(profile, stageOneRows, trainRows);
  const start = stageOneCell(study, task, seed);
  const settings = taskGrpo(profile.grpo, profile, task, seed);
  return grpoOnRows({ kind: 'grpo', task, start, rows, rewards: taskRewards(task), settings }, rows, profile);
}
