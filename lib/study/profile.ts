/** Profiles: how large a study is, from one that tests run to one that a newcomer watches. */
import type { TaskName } from '../tasks/task.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../train/grpo-settings.js';
import type { SftSettings } from '../train/sft.js';

export interface Profile {
  name: string;
  /** Seed of the data: one draw for all training seeds. */
  seed: number;
  /** Training seeds. */
  seeds: readonly number[];
  /** Rows of each task that curation should keep. */
  trainRows: number;
  /** The first so many go to stage 1; the paper's 1,600. */
  stageOneRows: number;
  /** Test items of each domain. Counting out of domain: by look alone and by look and question, 3 to 1 as in the paper. */
  testRows: { readonly [task in TaskName]: { readonly [domain: string]: number } };
  /** Share of rows spoiled before curation, as a careless annotator would. */
  spoiledShare: number;
  answerSft: SftSettings;
  cotSft: SftSettings;
  stageOne: SftSettings;
  grpo: GrpoSettings;
  /** Data efficiency. */
  efficiency: {
    /** Training rows of the curve, rising: 5 % of all rows, which a claim rests on, and all of them are among them. */
    rows: readonly number[];
    /** Training seeds of the sizes between; those two have every seed. */
    seeds: readonly number[];
    /** Steps that SFT takes at least at a smaller size, where its passes over few rows would be fewer. */
    leastSftSteps: number;
  };
  /** What an ablation's GRPO cells run with. */
  ablation: GrpoSettings;
  /** Which tasks and training seeds have ablations, and the held-out rows that a start checkpoint is chosen by. */
  ablations: {
    tasks: readonly TaskName[];
    seeds: readonly number[];
    heldOut: { items: number; samples: number };
  };
  /** Longest completion in tokens, in training's rollouts and in evaluation. */
  completionTokens: { readonly [task in TaskName]: number };
}

const SFT: SftSettings = {
  epochs: 2,
  batchSize: 32,
  examplesPerMicroBatch: 32,
  gradientCheckpointing: false,
  packTo: 0,
  schedule: { learningRate: 5e-4, warmupSteps: 20, decay: 'cosine' },
  weightDecay: 0.1,
  freezeVision: true,
  seed: 1,
};

/** The paper's settings, but for what the nano model's size asks: batch, length and learning rate. */
const GRPO: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 100,
  promptsPerStep: 64,
  maxNewTokens: 64,
  schedule: { learningRate: 3e-4, warmupSteps: 5, decay: 'linear' },
  promptsPerMicroBatch: 16,
  seed: 1,
};

/** What `npm start` runs: minutes on two cores. */
export const QUICK: Profile = {
  name: 'quick',
  seed: 1,
  seeds: [1],
  trainRows: 6400,
  stageOneRows: 1600,
  testRows: {
    counting: { id: 500, 'ood-look': 375, 'ood-look-question': 125 },
    structure: { id: 500, ood: 500 },
    transformation: { id: 500, 'ood-left': 500, 'ood-right': 500 },
  },
  spoiledShare: 0.06,
  answerSft: SFT,
  cotSft: SFT,
  stageOne: { ...SFT, epochs: 4 },
  grpo: GRPO,
  efficiency: { rows: [320, 800, 1600, 3200, 6400], seeds: [1], leastSftSteps: 100 },
  ablation: { ...GRPO, steps: 24, promptsPerStep: 16 },
  ablations: { tasks: ['counting'], seeds: [1], heldOut: { items: 200, samples: 8 } },
  completionTokens: { counting: 64, structure: 88, transformation: 112 },
};

/** What a study's tables rest on: test sets of the paper's sizes. */
export const STANDARD: Profile = {
  ...QUICK,
  name: 'standard',
  seeds: [1, 2, 3],
  testRows: {
    counting: { id: 1000, 'ood-look': 750, 'ood-look-question': 250 },
    structure: { id: 820, ood: 800 },
    transformation: { id: 1000, 'ood-left': 1000, 'ood-right': 1000 },
  },
};

/** What the tests run: seconds, and nothing learned. */
export const TINY: Profile = {
  ...QUICK,
  name: 'tiny',
  seeds: [1, 2],
  trainRows: 48,
  stageOneRows: 16,
  testRows: {
    counting: { id: 8, 'ood-look': 6, 'ood-look-question': 2 },
    structure: { id: 8, ood: 8 },
    transformation: { id: 8, 'ood-left': 8, 'ood-right': 8 },
  },
  answerSft: { ...SFT, epochs: 1, batchSize: 8 },
  cotSft: { ...SFT, epochs: 1, batchSize: 8 },
  stageOne: { ...SFT, epochs: 1, batchSize: 8 },
  // Seconds enough for a hand, or a test, to interrupt it.
  grpo: { ...GRPO, steps: 60, promptsPerStep: 4, completions: 4, promptsPerMicroBatch: 4, maxNewTokens: 16 },
  efficiency: { rows: [2, 8, 16, 24, 48], seeds: [1], leastSftSteps: 1 },
  ablation: { ...GRPO, steps: 1, promptsPerStep: 2, completions: 4, promptsPerMicroBatch: 2, maxNewTokens: 16 },
  ablations: { tasks: ['counting'], seeds: [1], heldOut: { items: 4, samples: 2 } },
  completionTokens: { counting: 16, structure: 16, transformation: 16 },
};

const PROFILES = [QUICK, STANDARD, TINY];
/** What profiles are called. */
export const PROFILE_NAMES = PROFILES.map(({ name }) => name);

/** The profile of a name. */
export function profileNamed(name: string): Profile {
  const profile = PROFILES.find((each) => each.name === name);
  if (!profile) throw new Error(`there is no profile '${name}'; choose ${PROFILE_NAMES.join(', ')}`);
  return profile;
}
