/** The paradigms that a study compares, as cells: the five of the paper, and two that others have put forward since. */
import type { RewardName } from '../../rewards/rewards.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { SftSettings } from '../../train/sft.js';
import type { BaseCell, Cell, GrpoCell, SftCell } from '../cells/cell.js';
import { longestAnswer, longestCompletion, type TaskProfile, taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';

/** The paradigms that the paper compares, in its order. */
export const PAPER_PARADIGMS = ['zero-shot', 'ans-sft', 'cot-sft', 'reason-rft-zero', 'reason-rft'] as const;
/** One of the paper's five paradigms. */
export type PaperParadigm = (typeof PAPER_PARADIGMS)[number];

/**
 * All paradigms in the order of tables and figures. Beside the paper's five:
 *
 * - `cot-sft-dft`: CoT-SFT with the loss of Dynamic Fine-Tuning (Wu et al. 2025, arXiv 2508.05629), which is to generalize better
 * - `no-thinking-rft`: GRPO from the base model with the accuracy reward alone, on prompts that ask for a bare answer (Li et al. 2025,
 *   "Think or Not Think", arXiv 2503.16188)
 */
export const PARADIGMS = [
  'zero-shot',
  'ans-sft',
  'cot-sft',
  'cot-sft-dft',
  'no-thinking-rft',
  'reason-rft-zero',
  'reason-rft',
] as const;
/** One of the paradigms. */
export type Paradigm = (typeof PARADIGMS)[number];

/** The paradigms that train something. */
export type TrainedParadigm = Exclude<Paradigm, 'zero-shot'>;
export const TRAINED_PARADIGMS = PARADIGMS.filter((paradigm): paradigm is TrainedParadigm => paradigm !== 'zero-shot');

/** The paradigms' names as their papers write them. */
export const PARADIGM_NAMES: { readonly [paradigm in Paradigm]: string } = {
  'zero-shot': 'Zero-shot',
  'ans-sft': 'ANS-SFT',
  'cot-sft': 'CoT-SFT',
  'cot-sft-dft': 'CoT-SFT (DFT)',
  'no-thinking-rft': 'No-Thinking-RFT',
  'reason-rft-zero': 'Reason-RFT-Zero',
  'reason-rft': 'Reason-RFT',
};

/** The style of each paradigm's prompts, the same in training and in evaluation. */
export const PARADIGM_PROMPTS: { readonly [paradigm in Paradigm]: PromptStyle } = {
  'zero-shot': 'direct',
  'ans-sft': 'bare',
  'cot-sft': 'think',
  'cot-sft-dft': 'think',
  'no-thinking-rft': 'direct',
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
  return cotCell(study, task, [0, rows], { ...stageOne, seed });
}

/** Chain-of-thought fine-tuning, with rationales in the words that the profile names. */
function cotCell({ profile }: Study, task: TaskName, rows: SftCell['rows'], settings: SftSettings): SftCell {
  const words = profile.rationales === 'own' ? { ownWords: true as const } : {};
  return { kind: 'sft', task, target: 'cot', rows, settings, ...words };
}

/** The same fine-tuning with rationales in the other words: an annotator's, or the base model's own. */
export function inOtherWords({ ownWords, ...cell }: SftCell): SftCell {
  return ownWords ? cell : { ...cell, ownWords: true };
}

/** The cell that a paradigm trains; zero-shot trains nothing and is the base model. The seed defaults to the profile's first. */
export function paradigmCell(study: Study, paradigm: 'zero-shot', task: TaskName, seed?: number): BaseCell;
export function paradigmCell(
  study: Study,
  paradigm: 'ans-sft' | 'cot-sft' | 'cot-sft-dft',
  task: TaskName,
  seed?: number,
): SftCell;
export function paradigmCell(
  study: Study,
  paradigm: 'no-thinking-rft' | 'reason-rft-zero' | 'reason-rft',
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
      return cotCell(study, task, rows, { ...profile.cotSft, seed });
    case 'cot-sft-dft':
      return cotCell(study, task, rows, { ...profile.cotSft, lossType: 'dft', seed });
    case 'no-thinking-rft': {
      const settings = { ...profile.grpo, maxNewTokens: longestAnswer(profile, task), seed };
      const rewards = rewardsOfWeightOne([TASKS[task].bareReward]);
      const cell: GrpoCell = { kind: 'grpo', task, start: 'base', rows, rewards, settings, style: 'direct' };
      return grpoOnRows(cell, rows, profile);
    }
    case 'reason-rft-zero': {
      const settings = taskGrpo(profile.grpo, profile, task, seed);
      const rewards = taskRewards(task);
      const cell: GrpoCell = { kind: 'grpo', task, start: 'base', rows, rewards, settings, ...curveOf(profile) };
      return grpoOnRows(cell, rows, profile);
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
  const rewards = taskRewards(task);
  const cell: GrpoCell = { kind: 'grpo', task, start, rows, rewards, settings, ...curveOf(profile) };
  return grpoOnRows(cell, rows, profile);
}

function curveOf({ curve }: TaskProfile): Pick<GrpoCell, 'curve'> {
  return curve ? { curve } : {};
}
