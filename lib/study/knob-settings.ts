/** The sizes of the part `knob` (`design/knob.ts`): its base models, its tasks, and how often a base model is asked. */
import { deepFreeze } from '../engine/deep-freeze.js';
import { TASK_NAMES, type TaskName } from '../tasks/tasks.js';

/** The part `knob` of a profile. */
export interface KnobSettings {
  /** The base models. */
  levels: readonly KnobLevel[];
  /** The tasks that have it. */
  tasks: readonly TaskName[];
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
  { name: '1-in-1000', share: 1e-3, seeds: [1, 2, 3] },
  { name: '1-in-100', share: 1e-2, seeds: [1] },
  { name: '1-in-7', share: 1 / 7, seeds: [1] },
]);

/** Every task from every base model. */
export const STANDARD_KNOB: KnobSettings = deepFreeze<KnobSettings>({
  levels: KNOB_LEVELS,
  tasks: TASK_NAMES,
  reading: { prompts: 400, completions: 8 },
});

/** Seconds, in which nothing is learned. */
export const TINY_KNOB: KnobSettings = deepFreeze<KnobSettings>({
  levels: KNOB_LEVELS.filter(({ name }) => name === 'never' || name === '1-in-7'),
  tasks: ['counting'],
  reading: { prompts: 4, completions: 2 },
});
