/** Ablations of Reason-RFT: short GRPO runs, each of which differs in one thing from a base cell that all share. */
import { isDeepStrictEqual } from 'node:util';
import { unknownNameText } from '../../engine/names.js';
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import type { LossType } from '../../train/policy-loss.js';
import type { SftSettings } from '../../train/sft.js';
import { ABLATIONS, type AblationName } from '../ablation-names.js';
import type { GrpoCell, SftCell } from '../cells/cell.js';
import type { ValidationSettings } from '../cells/validation.js';
import { validationSettings } from '../cells/validation-rows.js';
import { taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';
import { inOtherWords, rewardsOfWeightOne, stageOneCell, stageTwoRows, taskGrpo, taskRewards } from './paradigms.js';

export interface AblationCell {
  ablation: AblationName;
  /** The setting of this cell. */
  setting: string;
  /** Whether this is the cell that the others differ from. */
  base: boolean;
  cell: GrpoCell;
}

/** A setting with its cell: the base, or a cell that differs from it in this setting alone. */
type Variant = [setting: string, cell: GrpoCell];

/** The base cell of a task's ablations: Reason-RFT with the profile's settings for ablations. */
export function ablationBase(study: Study, task: TaskName, seed = study.profile.seeds[0]!): GrpoCell {
  const profile = taskProfile(study.profile, task);
  return {
    kind: 'grpo',
    task,
    start: stageOneCell(study, task, seed),
    rows: stageTwoRows(profile, profile.stageOneRows, profile.trainRows),
    rewards: taskRewards(task),
    settings: taskGrpo(profile.ablation, profile, task, seed),
  };
}

/**
 * The cells of the ablations that the profile names, in the order in which figures show them. The base is one cell, and occurs in every
 * ablation.
 *
 * @throws Error where the profile names an ablation that does not exist, or that its rows cannot have
 */
export function ablationCells(study: Study, task: TaskName, seed = study.profile.seeds[0]!): AblationCell[] {
  const { names } = study.profile.ablations;
  const unknown = names.find((name) => !ABLATIONS.includes(name));
  if (unknown !== undefined)
    throw new Error(`profile ${study.profile.name}: ${unknownNameText('ablation', unknown, ABLATIONS)}`);
  const base = ablationBase(study, task, seed);
  const variants: { readonly [ablation in AblationName]: () => Variant[] } = {
    Reward: () => rewardVariants(base),
    'Group size': () => groupVariants(base),
    'KL weight': () => numberVariants(base, 'beta', [0, 0.04, 0.1]),
    Loss: () => lossVariants(base),
    Temperature: () => numberVariants(base, 'temperature', [0.6, 0.9, 1.2]),
    'CoT rows in stage 1': () => amountVariants(study, base),
    'Words of stage 1': () => wordsVariants(study, base),
    'Curation of stage 1': () => curationVariants(study, base),
    'Start checkpoint': () => startVariants(base),
  };
  return ABLATIONS.filter((ablation) => names.includes(ablation)).flatMap((ablation) =>
    variants[ablation]().map(([setting, cell]) => ({ ablation, setting, base: cell === base, cell })),
  );
}

/** The measure on held-out rows by which one of the start checkpoints would be chosen; undefined when there are no held-out rows. */
export function startMeasure(study: Study, task: TaskName): ValidationSettings | undefined {
  const { heldOut } = study.profile.ablations;
  return heldOut && validationSettings(study, task, heldOut);
}

function rewardVariants(base: GrpoCell): Variant[] {
  return Object.entries(TASKS[base.task].rewardAblation).map(([setting, names]): Variant => {
    const rewards = rewardsOfWeightOne(names);
    return [setting, isDeepStrictEqual(rewards, base.rewards) ? base : { ...base, rewards }];
  });
}

function groupVariants(base: GrpoCell): Variant[] {
  const { completions, promptsPerStep } = base.settings;
  return [completions / 2, completions, 2 * completions].map((G) => {
    const settings = { ...base.settings, completions: G, promptsPerStep: (promptsPerStep * completions) / G };
    return [`G = ${G}`, G === completions ? base : { ...base, settings }];
  });
}

/** Varies a number of the settings over some values and its own. */
function numberVariants(base: GrpoCell, name: 'beta' | 'temperature', values: readonly number[]): Variant[] {
  const own = base.settings[name];
  return [...new Set([...values, own])]
    .sort((a, b) => a - b)
    .map((value) => [String(value), value === own ? base : { ...base, settings: { ...base.settings, [name]: value } }]);
}

/** Varies the average of the loss: over each completion, over all tokens, or over the length limit. */
function lossVariants(base: GrpoCell): Variant[] {
  const types: readonly LossType[] = ['grpo', 'dapo', 'dr_grpo'];
  return types.map((lossType) => [
    lossType,
    lossType === base.settings.lossType ? base : { ...base, settings: { ...base.settings, lossType } },
  ]);
}

function amountVariants(study: Study, base: GrpoCell): Variant[] {
  const { stageOneRows, trainRows } = taskProfile(study.profile, base.task);
  const startingFrom = (rows: number): GrpoCell => ({
    ...base,
    start: stageOneCell(study, base.task, base.settings.seed, rows),
  });
  return [
    ['none', { ...base, start: 'base' }],
    [String(stageOneRows), base],
    ...[2 * stageOneRows, Math.min(5 * stageOneRows, trainRows)].map(
      (rows): Variant => [String(rows), startingFrom(rows)],
    ),
  ];
}

function wordsVariants({ profile }: Study, base: GrpoCell): Variant[] {
  if (profile.released)
    throw new Error(
      `profile ${profile.name}: released rows have no solutions in the base model's own words; leave 'Words of stage 1' out of its ablations`,
    );
  const start = base.start as SftCell;
  const other: GrpoCell = { ...base, start: inOtherWords(start) };
  return [
    ["an annotator's", start.ownWords ? other : base],
    ["the base model's own", start.ownWords ? base : other],
  ];
}

function curationVariants({ profile }: Study, base: GrpoCell): Variant[] {
  if (profile.rationales === 'own')
    throw new Error(
      `profile ${profile.name}: what is spoiled are an annotator's rationales, and this study trains on the base model's own words; ` +
        "leave 'Curation of stage 1' out of its ablations",
    );
  const start = base.start as SftCell;
  return [
    ['curated', base],
    ...[0.25, 0.5].map(
      (spoiledShare): Variant => [`${100 * spoiledShare} % spoiled`, { ...base, start: { ...start, spoiledShare } }],
    ),
  ];
}

function startVariants(base: GrpoCell): Variant[] {
  const start = base.start as SftCell;
  const passes = (epochs: number): SftSettings => ({ ...start.settings, epochs });
  const own = start.settings.epochs;
  return [own, 2 * own, 4 * own].map((epochs) => [
    `${epochs} ${epochs === 1 ? 'pass' : 'passes'}`,
    epochs === own ? base : { ...base, start: { ...start, settings: passes(epochs) } },
  ]);
}
