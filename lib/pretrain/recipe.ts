/**
 * The recipes of the base models: everything that their weights follow from. The first makes a model from nothing, the next two teach it to
 * see better and to answer hastily where tags are asked for, and the last ones, which start from there, differ in one thing: how
 * often an answer in tags is worked out.
 */
import type { LessonKind, SourceName } from './lessons/curriculum.js';
import type { LessonMix } from './lessons/lesson.js';
import type { PretrainingPhase, PretrainingSettings } from './pretrain.js';

/** A phase of pretraining, and what it shows. */
export interface BaseModelPhase extends PretrainingPhase {
  /** Rows of each kind in a step. */
  rows: { readonly [kind in LessonKind]: number };
  mix: LessonMix;
}

export interface BaseModelRecipe extends PretrainingSettings {
  seed: number;
  phases: readonly BaseModelPhase[];
  /** The number of scenes of each source. Each is drawn once, and many rows show it. */
  scenes: { readonly [source in SourceName]: number };
  /** The steps between examinations, and the items of each look in one. */
  examination: { every: number; items: number };
}

/** The first six phases, from random weights. */
export const FIRST_RECIPE: BaseModelRecipe = {
  seed: 21,
  phases: [
    {
      steps: 6_500,
      schedule: { learningRate: 2e-3, warmupSteps: 200, decay: 'cosine' },
      rows: { counting: 9, structure: 10, pair: 9, change: 4, transformed: 0, school: 0 },
      mix: { vehicles: 0.4, exercise: 0.45, side: 0.5, lookups: 0, givens: 0, worked: 0, workedInTags: 0 },
    },
    {
      steps: 4_500,
      schedule: { learningRate: 1.5e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 5, pair: 12, change: 5, transformed: 0, school: 0 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 0, workedInTags: 0 },
    },
    {
      steps: 2_800,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 8, structure: 8, pair: 9, change: 4, transformed: 0, school: 4 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 2, givens: 1, worked: 0, workedInTags: 0 },
    },
    {
      steps: 2_300,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 8, pair: 2, change: 0, transformed: 7, school: 2 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1, workedInTags: 0.2 },
    },
    {
      steps: 2_000,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 6, pair: 2, change: 0, transformed: 9, school: 2 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1, workedInTags: 0.2 },
    },
    {
      steps: 1_250,
      schedule: { learningRate: 1.2e-3, warmupSteps: 50, decay: 'cosine' },
      rows: { counting: 6, structure: 4, pair: 1, change: 0, transformed: 14, school: 1 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1, workedInTags: 0.2 },
    },
  ],
  weightDecay: 0.01,
  scenes: {
    blocks: 12_000,
    vehicles: 9_000,
    textbook: 16_000,
    exercise: 16_000,
    grid: 10_000,
    change: 4_000,
    transformed: 4_000,
  },
  examination: { every: 1000, items: 64 },
};

const SIGHT_SHARES = { vehicles: 0.5, exercise: 0.5, side: 0.9, lookups: 0, givens: 0, worked: 1, workedInTags: 0 };

/**
 * The seventh phase, on scenes that were not shown before: above all boards from the sides. Where tags are asked for, no answer is worked
 * out any more, so that the model loses the habit that the first recipe gave it. It still works questions out where the thinking process
 * is asked for.
 */
export const SIGHT_RECIPE: BaseModelRecipe = {
  seed: 22,
  phases: [
    {
      steps: 2_400,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 6, structure: 2, pair: 14, change: 0, transformed: 5, school: 1 },
      mix: SIGHT_SHARES,
    },
  ],
  weightDecay: 0.01,
  scenes: {
    blocks: 6_000,
    vehicles: 6_000,
    textbook: 4_000,
    exercise: 4_000,
    grid: 12_000,
    change: 0,
    transformed: 4_000,
  },
  examination: { every: 600, items: 64 },
};

/** The eighth phase: boards from the sides once more, which the seventh left at 86 and 84 % of whole captions. */
export const SIDES_RECIPE: BaseModelRecipe = {
  ...SIGHT_RECIPE,
  seed: 24,
  phases: [
    {
      steps: 1_200,
      schedule: { learningRate: 8e-4, warmupSteps: 50, decay: 'cosine' },
      rows: { counting: 6, structure: 3, pair: 17, change: 0, transformed: 3, school: 1 },
      mix: { ...SIGHT_SHARES, vehicles: 0.6, side: 1 },
    },
  ],
  scenes: {
    blocks: 4_000,
    vehicles: 6_000,
    textbook: 4_000,
    exercise: 4_000,
    grid: 9_000,
    change: 0,
    transformed: 3_000,
  },
  examination: { every: 600, items: 128 },
};

/** The knob: the share of answers in tags that are worked out in the last phase of each base model. */
export const BASE_LEVELS = { never: 0, '1-in-1000': 1e-3, '1-in-100': 1e-2, '1-in-7': 1 / 7 } as const;
/** A base model by its place on the knob. */
export type BaseLevel = keyof typeof BASE_LEVELS;

/** The last phase of a base model. All levels see the same scenes and questions in the same order. */
export function lastRecipe(level: BaseLevel): BaseModelRecipe {
  return {
    ...SIGHT_RECIPE,
    seed: 23,
    phases: [
      {
        steps: 600,
        schedule: { learningRate: 5e-4, warmupSteps: 50, decay: 'cosine' },
        rows: { counting: 8, structure: 6, pair: 6, change: 0, transformed: 10, school: 2 },
        mix: { ...SIGHT_SHARES, workedInTags: BASE_LEVELS[level] },
      },
    ],
    scenes: {
      blocks: 5_000,
      vehicles: 5_000,
      textbook: 4_000,
      exercise: 4_000,
      grid: 8_000,
      change: 0,
      transformed: 6_000,
    },
    examination: { every: 600, items: 128 },
  };
}
