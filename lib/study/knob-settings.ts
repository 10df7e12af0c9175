/** The sizes of the part `knob` (`design/knob.ts`): its base models, and how GRPO from them is sized and measured. */
import { deepFreeze } from '../engine/deep-freeze.js';
import type { TaskName } from '../tasks/tasks.js';
import type { GrpoSettings } from '../train/grpo-settings.js';

/** The part `knob` of a profile. */
export interface KnobSettings {
  /** The base models. */
  levels: readonly KnobLevel[];
  /** The tasks that have it, each with the changes to the settings of its GRPO. */
  tasks: { readonly [task in TaskName]?: Partial<GrpoSettings> };
  /** GRPO steps between two points of a learning curve, which begins with points after 0, 2, 4, 8, ... steps (`cells/learning-curve.ts`). */
  evaluateEvery: number;
  /** The items of each test set that a learning curve is measured on. */
  items: number;
  /** How often a model works a question out: the training rows that are asked, and the completions that are drawn of each. */
  reading: { prompts: number; completions: number };
}

/** A base model by its last phase of pretraining. */
export interface KnobLevel {
  /** Its name in `data/bases`. */
  name: string;
  /** The share of worked-out answers that this phase shows behind the study's prompt, which asks for tags. */
  share: number;
  /** The training seeds. */
  seeds: readonly number[];
}

/**
 * The base models whose last phases of pretraining differ in how often an answer behind the study's prompt is worked out. The one that the
 * study itself starts from has the study's seeds.
 */
const KNOB_LEVELS: readonly KnobLevel[] = deepFreeze([
  { name: 'never', share: 0, seeds: [1] },
  { name: '1-in-10000', share: 1e-4, seeds: [1, 2, 3] },
  { name: '1-in-100', share: 1e-2, seeds: [1] },
  { name: '1-in-7', share: 1 / 7, seeds: [1] },
]);

/** Rare completions are drawn as often as they are probable: top-p and top-k would cut off what a base model seldom writes. */
const WHOLE_DISTRIBUTION = { temperature: 1, topP: 1, topK: 0 };

/** 6,400 completions a run; of spatial transformation, whose solutions are three times as long, 2,560. */
export const STANDARD_KNOB: KnobSettings = deepFreeze<KnobSettings>({
  levels: KNOB_LEVELS,
  tasks: {
    counting: { ...WHOLE_DISTRIBUTION, steps: 50, promptsPerStep: 16 },
    structure: { ...WHOLE_DISTRIBUTION, steps: 50, promptsPerStep: 16 },
    transformation: { ...WHOLE_DISTRIBUTION, steps: 40, promptsPerStep: 8 },
  },
  evaluateEvery: 10,
  items: 200,
  reading: { prompts: 400, completions: 8 },
});

/** Seconds, in which nothing is learned. */
export const TINY_KNOB: KnobSettings = deepFreeze<KnobSettings>({
  levels: KNOB_LEVELS.filter(({ name }) => name === 'never' || name === '1-in-7'),
  tasks: { counting: { steps: 4, promptsPerStep: 2 } },
  evaluateEvery: 2,
  items: 4,
  reading: { prompts: 4, completions: 2 },
});
