/** The recipe of the base model: everything that its weights follow from. */
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

export const BASE_MODEL_RECIPE: BaseModelRecipe = {
  seed: 21,
  phases: [
    {
      steps: 6_500,
      schedule: { learningRate: 2e-3, warmupSteps: 200, decay: 'cosine' },
      rows: { counting: 9, structure: 10, pair: 9, change: 4, transformed: 0, school: 0 },
      mix: { vehicles: 0.4, exercise: 0.45, side: 0.5, lookups: 0, givens: 0, worked: 0 },
    },
    {
      steps: 4_500,
      schedule: { learningRate: 1.5e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 5, pair: 12, change: 5, transformed: 0, school: 0 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 0 },
    },
    {
      steps: 2_800,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 8, structure: 8, pair: 9, change: 4, transformed: 0, school: 4 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 2, givens: 1, worked: 0 },
    },
    {
      steps: 2_300,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 8, pair: 2, change: 0, transformed: 7, school: 2 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1 },
    },
    {
      steps: 2_000,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 6, pair: 2, change: 0, transformed: 9, school: 2 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1 },
    },
    {
      steps: 1_250,
      schedule: { learningRate: 1.2e-3, warmupSteps: 50, decay: 'cosine' },
      rows: { counting: 6, structure: 4, pair: 1, change: 0, transformed: 14, school: 1 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1 },
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
