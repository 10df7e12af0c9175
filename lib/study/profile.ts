/** Profiles: the sizes of a study, from seconds for the tests to the paper's own. */

import { STAGE_ONE_ROWS } from '../data/split.js';
import { checkBound, checkBounds } from '../engine/bounds.js';
import { deepFreeze } from '../engine/deep-freeze.js';
import { TASKS, type TaskName, type TestSet, testSetNamed } from '../tasks/tasks.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../train/grpo-settings.js';
import { REASON_RFT_SFT, type SftSettings } from '../train/sft.js';
import { ABLATIONS, type AblationName } from './ablation-names.js';
import { type KnobSettings, STANDARD_KNOB, TINY_KNOB } from './knob-settings.js';

/** Whose words rationales are in: an annotator's, or the base model's own, in the notation that its pretraining shows. */
export type Rationales = 'annotator' | 'own';

/** One size of a study for all tasks: its seeds and settings. */
export interface SharedSettings {
  name: string;
  /** The seed of the data, which are drawn once for all training seeds. */
  seed: number;
  /** The training seeds. */
  seeds: readonly number[];
  /** The number of rows, the first ones, that stage 1 trains on. The paper has 1,600, which are 5 % of counting's rows. */
  stageOneRows: number;
  /** The items of each test set: a number, or `paper` for as many as the set has in the paper. */
  testItems: number | 'paper';
  /** The share of rows that are spoiled before curation, as a careless annotator would spoil them. */
  spoiledShare: number;
  /** Whose words the rationales are in that CoT-SFT and stage 1 learn from. */
  rationales: Rationales;
  answerSft: SftSettings;
  cotSft: SftSettings;
  stageOne: SftSettings;
  grpo: GrpoSettings;
  /**
   * The learning curves of Reason-RFT-Zero and Reason-RFT on all rows (`cells/learning-curve.ts`): the steps between two points, and the items
   * of each test set. Default: none.
   */
  curve?: { evaluateEvery: number; items: number };
  /** The settings of GRPO in ablations. */
  ablation: GrpoSettings;
  /** Which ablations there are, of which tasks, with which training seeds. */
  ablations: {
    names: readonly AblationName[];
    tasks: readonly TaskName[];
    seeds: readonly number[];
    /**
     * The held-out rows by which a start checkpoint is chosen. Absent when no ablation chooses one, or when the rows are released ones, of
     * which none can be drawn anew.
     */
    heldOut?: { items: number; samples: number };
  };
  /** The longest completion in tokens, in rollouts and in evaluation: a number, or `task` for what the nano model needs for each task. */
  completionTokens: number | 'task';
  /** The first row of stage 2. Default: the first that stage 1 leaves. */
  stageTwoFrom?: number;
  /** The passes of GRPO over its prompts. If set, its steps follow from these, and `grpo.steps` does not count. */
  grpoEpochs?: number;
}

/** How many rows a task trains on. */
export interface RowCounts {
  /** The rows that are kept for training. */
  trainRows: number;
  /** Data efficiency. */
  efficiency: {
    /** The numbers of training rows, rising. Among them must be 5 % of all rows, which a claim rests on, and all rows. */
    rows: readonly number[];
    /** The training seeds of the other sizes; these two have every seed. */
    seeds: readonly number[];
    /** The fewest steps of SFT at a smaller size, where its passes over few rows would make fewer. */
    leastSftSteps: number;
    /** The steps of GRPO at a smaller size, if the profile does not count passes. Default: as many as on all rows. */
    grpoSteps?: number;
  };
}

/** A profile for one task. */
export type TaskProfile = SharedSettings & RowCounts;

export type TaskChanges = Partial<
  Pick<
    TaskProfile,
    | 'stageOneRows'
    | 'stageTwoFrom'
    | 'answerSft'
    | 'cotSft'
    | 'stageOne'
    | 'grpo'
    | 'grpoEpochs'
    | 'efficiency'
    | 'ablation'
  >
>;

/** A profile whose rows are drawn: as many for every task. */
export interface DrawnProfile extends SharedSettings, RowCounts {
  released?: undefined;
  /** What differs for one task. */
  tasks?: { readonly [task in TaskName]?: TaskChanges };
  /** The part `knob`. Default: none. */
  knob?: KnobSettings;
}

/** A profile whose rows are those of the released dataset, which are read and not drawn. Every task has row counts of its own. */
export interface ReleasedProfile extends SharedSettings {
  released: true;
  /** Released rows have no solutions, as their scenes are not known. */
  rationales: 'annotator';
  /** The row counts of each task, and what else differs for it. */
  tasks: { readonly [task in TaskName]: RowCounts & TaskChanges };
}

/** One size of a study: its rows, seeds and settings. */
export type Profile = DrawnProfile | ReleasedProfile;

/** The profile with what differs for the task. */
export function taskProfile(profile: Profile, task: TaskName): TaskProfile {
  return profile.released ? { ...profile, ...profile.tasks[task] } : { ...profile, ...profile.tasks?.[task] };
}

/** The longest completion of a task, in tokens. */
export function longestCompletion(profile: Pick<TaskProfile, 'completionTokens'>, task: TaskName): number {
  return profile.completionTokens === 'task' ? TASKS[task].nanoCompletionTokens : profile.completionTokens;
}

/**
 * The longest bare answer of a task in rollouts, in tokens: what the nano model needs for it, or the profile's longest completion, as
 * other models end their answers by themselves.
 */
export function longestAnswer(profile: Pick<TaskProfile, 'completionTokens'>, task: TaskName): number {
  return profile.completionTokens === 'task' ? TASKS[task].nanoAnswerTokens : profile.completionTokens;
}

/**
 * Checks the numbers that a task's training rows are drawn by.
 *
 * @throws Error naming the one that is beyond its bound, or that makes no rows
 */
export function checkDrawing({ name, trainRows, spoiledShare, seed }: TaskProfile): void {
  const place = `profile ${name}: `;
  checkBounds({ trainRows, seed }, place);
  if (!Number.isInteger(trainRows) || trainRows < 1)
    throw new Error(`${place}trainRows must be a whole number of 1 or more, got ${trainRows}`);
  if (!(spoiledShare >= 0 && spoiledShare <= 1))
    throw new Error(`${place}spoiledShare must be from 0 to 1, got ${spoiledShare}`);
}

/** The number of items of a test set. */
export function testSetItems(profile: Profile, task: TaskName, set: TestSet): number {
  return profile.testItems === 'paper' ? testSetNamed(task, set).paperItems : profile.testItems;
}

/**
 * The number of a test set's items that come from each of its domains.
 *
 * @throws Error when the profile's items cannot be shared out in whole numbers
 */
export function domainRows(profile: Profile, task: TaskName, set: TestSet): { [domain: string]: number } {
  const items = testSetItems(profile, task, set);
  checkBound('testItems', items, `profile ${profile.name}: testItems`);
  const rows: { [domain: string]: number } = {};
  for (const [domain, share] of Object.entries(testSetNamed(task, set).domains)) {
    rows[domain] = items * share;
    if (!Number.isInteger(rows[domain]))
      throw new Error(
        `profile ${profile.name}: ${items} items of ${task}'s test set '${set}' make ${rows[domain]} rows of ` +
          `domain '${domain}'; choose testItems that make whole numbers`,
      );
  }
  return rows;
}

const SFT: SftSettings = deepFreeze({
  lossType: 'nll',
  epochs: 1,
  batchSize: 32,
  examplesPerMicroBatch: 32,
  gradientCheckpointing: false,
  packTo: 0,
  schedule: { learningRate: 5e-4, warmupSteps: 20, decay: 'cosine' },
  weightDecay: 0.1,
  freezeVision: true,
  seed: 1,
});

/**
 * The paper's settings, except for those that the nano model's size needs: batch, length, learning rate, and sampling from the whole
 * distribution at temperature 1. With top-p 0.9 half of the groups after stage 1 hold the same answer eight times, and teach nothing.
 */
const GRPO: GrpoSettings = deepFreeze({
  ...REASON_RFT_GRPO,
  steps: 75,
  promptsPerStep: 32,
  temperature: 1,
  topP: 1,
  topK: 0,
  maxNewTokens: 88,
  schedule: { learningRate: 3e-4, warmupSteps: 5, decay: 'linear' },
  promptsPerMicroBatch: 16,
  seed: 1,
});

/** So many passes over so few rows bring the worked answers out, and teach little else (`data/notes/second-edition.md`). */
const STAGE_ONE: SftSettings = deepFreeze({
  ...SFT,
  epochs: 3,
  schedule: { learningRate: 5e-4, warmupSteps: 5, decay: 'cosine' },
});

/** What a run of the notebooks takes: at three times this rate Reason-RFT falls below its stage 1 (`data/notes/second-edition.md`). */
const QUICK_GRPO: GrpoSettings = deepFreeze({
  ...GRPO,
  promptsPerStep: 16,
  schedule: { learningRate: 1e-4, warmupSteps: 5, decay: 'linear' },
});

/** The profile of `npm start`: minutes on two cores. */
export const QUICK: DrawnProfile = deepFreeze<DrawnProfile>({
  name: 'quick',
  seed: 1,
  seeds: [1],
  trainRows: 6400,
  stageOneRows: 160,
  testItems: 500,
  spoiledShare: 0.06,
  rationales: 'own',
  answerSft: SFT,
  cotSft: SFT,
  stageOne: STAGE_ONE,
  grpo: QUICK_GRPO,
  efficiency: { rows: [320, 800, 1600, 3200, 6400], seeds: [1], leastSftSteps: 50 },
  ablation: { ...QUICK_GRPO, steps: 24 },
  ablations: {
    // What curation removes are spoiled rationales of an annotator, whose words this profile does not train on.
    names: ABLATIONS.filter((name) => name !== 'Curation of stage 1'),
    tasks: ['counting'],
    seeds: [1],
    heldOut: { items: 200, samples: 8 },
  },
  completionTokens: 'task',
});

/** A rate that stays after its warm-up: each point of a learning curve must be as good as the end of a shorter run. */
const STANDARD_GRPO: GrpoSettings = deepFreeze({
  ...GRPO,
  steps: 40,
  promptsPerStep: 16,
  schedule: { learningRate: 1e-4, warmupSteps: 5, decay: 'constant' },
});

/**
 * The profile of the study: test sets of the paper's sizes and three seeds. It is to end within two and a half hours on two cores, with
 * three workers, but has not been run whole yet. The long answers of spatial transformation take most of it.
 * What its lengths and rates were chosen by is written in `data/notes/second-edition.md`.
 *
 * As in the paper, SFT passes once over its 3,200 rows, and stage 1 has 5 % of them; it passes over these three times. GRPO draws 5,120
 * completions a run from the whole distribution. The solutions of spatial transformation are three times as long, and its GRPO draws
 * 2,560. On fewer rows SFT takes at least 50 steps.
 */
export const STANDARD: DrawnProfile = deepFreeze<DrawnProfile>({
  ...QUICK,
  name: 'standard',
  seeds: [1, 2, 3],
  trainRows: 3200,
  testItems: 'paper',
  grpo: STANDARD_GRPO,
  curve: { evaluateEvery: 20, items: 120 },
  ablation: { ...STANDARD_GRPO, steps: 24 },
  ablations: {
    names: ['Reward', 'Group size', 'KL weight', 'Loss', 'CoT rows in stage 1'],
    tasks: ['counting'],
    seeds: [1, 2, 3],
  },
  // No size between 5 % and all rows: no claim rests on one, and their tests would take twenty minutes.
  efficiency: { rows: [160, 3200], seeds: [1], leastSftSteps: 50, grpoSteps: 20 },
  tasks: {
    transformation: { grpo: { ...STANDARD_GRPO, promptsPerStep: 8 } },
  },
  knob: STANDARD_KNOB,
});

/** The profile of the tests: seconds, in which nothing is learned. */
export const TINY: DrawnProfile = deepFreeze<DrawnProfile>({
  ...QUICK,
  name: 'tiny',
  seeds: [1, 2],
  trainRows: 48,
  stageOneRows: 16,
  testItems: 8,
  rationales: 'annotator',
  answerSft: { ...SFT, epochs: 1, batchSize: 8 },
  cotSft: { ...SFT, epochs: 1, batchSize: 8 },
  stageOne: { ...SFT, epochs: 1, batchSize: 8 },
  // So many steps that a hand, or a test, has the time to interrupt it.
  grpo: { ...GRPO, steps: 60, promptsPerStep: 4, completions: 4, promptsPerMicroBatch: 4, maxNewTokens: 16 },
  efficiency: { rows: [2, 8, 16, 24, 48], seeds: [1], leastSftSteps: 1 },
  ablation: { ...GRPO, steps: 1, promptsPerStep: 2, completions: 4, promptsPerMicroBatch: 2, maxNewTokens: 16 },
  ablations: { names: ABLATIONS, tasks: ['counting'], seeds: [1], heldOut: { items: 4, samples: 2 } },
  completionTokens: 16,
  curve: { evaluateEvery: 20, items: 4 },
  knob: TINY_KNOB,
});

const PAPER_SFT: SftSettings = deepFreeze({ ...REASON_RFT_SFT, gradientCheckpointing: true });
const PAPER_EFFICIENCY = { seeds: [1], leastSftSteps: 100 };

/**
 * The paper's study: a published checkpoint, the released dataset, and the flags of the released scripts. These differ from task to
 * task: there are 35,000, 4,500 and 60,000 rows, and stage 2 of structure perception takes all rows again, in five passes. The seeds
 * are ours, as the paper names none; so are the ablations. Evaluation here is greedy with at most 512 tokens; the paper's samples at
 * temperature 0.1 with at most 768.
 */
export const PAPER_PROFILE: ReleasedProfile = deepFreeze<ReleasedProfile>({
  name: 'paper',
  seed: 1,
  seeds: [1, 2, 3],
  stageOneRows: STAGE_ONE_ROWS,
  testItems: 'paper',
  spoiledShare: 0,
  rationales: 'annotator',
  answerSft: PAPER_SFT,
  cotSft: PAPER_SFT,
  stageOne: PAPER_SFT,
  grpo: { ...REASON_RFT_GRPO, gradientCheckpointing: true, steps: 1 },
  grpoEpochs: 1,
  ablation: { ...REASON_RFT_GRPO, gradientCheckpointing: true, steps: 500 },
  ablations: { names: ABLATIONS.filter((name) => name !== 'Words of stage 1'), tasks: ['counting'], seeds: [1] },
  completionTokens: 512,
  released: true,
  tasks: {
    counting: {
      trainRows: 35_000,
      efficiency: { ...PAPER_EFFICIENCY, rows: [1600, 1750, 3200, 6400, 12_800, 25_600, 35_000] },
    },
    structure: {
      trainRows: 4500,
      stageTwoFrom: 0,
      grpoEpochs: 5,
      efficiency: { ...PAPER_EFFICIENCY, rows: [225, 450, 900, 1600, 3200, 4500] },
    },
    transformation: {
      trainRows: 60_000,
      efficiency: { ...PAPER_EFFICIENCY, rows: [1600, 3000, 3200, 6400, 12_800, 25_600, 51_200, 60_000] },
    },
  },
});

const PROFILES = [QUICK, STANDARD, TINY, PAPER_PROFILE];
/** The names of the profiles. */
export const PROFILE_NAMES = PROFILES.map(({ name }) => name);

/**
 * The profile of a name.
 *
 * @throws Error naming the profiles that there are
 */
export function profileNamed(name: string): Profile {
  const profile = PROFILES.find((known) => known.name === name);
  if (!profile) throw new Error(`there is no profile '${name}'; choose ${PROFILE_NAMES.join(', ')}`);
  return profile;
}
