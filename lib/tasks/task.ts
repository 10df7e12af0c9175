/** What the rest of the kit knows of a task, and the three tasks: plain objects of functions. */

import type { Random } from '../engine/random.js';
import type { RgbImage } from '../records/image.js';
import type { MetaRecord, TaskRecord } from '../records/record.js';
import type { RewardName } from '../rewards/rewards.js';
import type { Scorer } from '../rewards/scorer.js';
import { COUNTING } from './counting/task.js';
import type { PromptStyle } from './prompts.js';
import { STRUCTURE } from './structure/task.js';
import { TRANSFORMATION } from './transformation/task.js';

export const TASK_NAMES = ['counting', 'structure', 'transformation'] as const;
export type TaskName = (typeof TASK_NAMES)[number];

/** A task's test sets: in domain; out of domain as one set, or by the camera of the final image. */
export type TestSetOf<T extends TaskName> = 'id' | (T extends 'transformation' ? 'ood-left' | 'ood-right' : 'ood');
export type TestSet = TestSetOf<TaskName>;

/** What tables and figures call the test sets. */
export const TEST_SET_NAMES: { readonly [set in TestSet]: string } = {
  id: 'in domain',
  ood: 'out of domain',
  'ood-left': 'out of domain, left camera',
  'ood-right': 'out of domain, right camera',
};

/** What a chain of thought leads to, or in words why it leads to nothing. */
export type Rederivation = { answer: string } | { reason: string };

/** One task. Records given to it must be its own: their `scene` and `program` are what its `sample` wrote. */
export interface Task {
  readonly name: TaskName;
  /** The test sets, each with the domains that its rows come from. Training rows come from domain `id`. */
  readonly testSets: { readonly [set in TestSet]?: readonly string[] };
  /** One row of a domain, without its images. */
  sample(domain: string, id: string, random: Random): TaskRecord;
  /** The images of a row, in the order of its file names. */
  draw(record: TaskRecord): RgbImage[];
  /** The user's text: the question and the style's instruction. */
  writePrompt(row: Pick<MetaRecord, 'problem' | 'answer'>, style: PromptStyle): string;
  /** Why a text cannot be an answer of this task, in words; undefined where it can. */
  answerFault(answer: string): string | undefined;
  /** The reverse check: the answer derived again from the rationale, in either wording, and the question's text alone. */
  rederive(cot: string, problem: string): Rederivation;
  /** The row worked out in the base model's own notation, as its pretraining shows it: what an annotator's rationale is compared with. */
  workOut(record: TaskRecord): string;
  /** The answer from scene truth. */
  solve(record: TaskRecord): string;
  /** What makes two rows share a scene; views, light and grain don't count. */
  sceneFingerprint(record: TaskRecord): string;
  /** What makes two rows ask the same thing of the same things, wherever these stand and however they are drawn. */
  questionFingerprint(record: TaskRecord): string;
  /** The row as a careless annotator would leave it, spoiled in one way; two rows where it is written twice. */
  spoil(record: TaskRecord, random: Random): TaskRecord[];
  /** What GRPO earns here, each of weight 1. */
  readonly rewards: readonly RewardName[];
  /** What the released scripts of this task reward, traps included. */
  readonly releasedRewards: readonly RewardName[];
  /** The score of a completion against the gold answer, in [0, 1]. */
  readonly score: Scorer;
  /** What the released evaluation counts, traps included. */
  readonly releasedScore: Scorer;
}

export const TASKS: { readonly [name in TaskName]: Task } = {
  counting: COUNTING,
  structure: STRUCTURE,
  transformation: TRANSFORMATION,
};

/**
 * The task of a name.
 *
 * @throws Error naming those that exist
 */
export function taskNamed(name: string): Task {
  if (!Object.hasOwn(TASKS, name)) throw new Error(`there is no task '${name}'; choose ${TASK_NAMES.join(', ')}`);
  return TASKS[name as TaskName];
}

/** The names of a task's test sets, in domain first. */
export function testSetsOf(task: TaskName): TestSet[] {
  return Object.keys(TASKS[task].testSets) as TestSet[];
}

/** The domains of a task, those that only test sets hold among them. */
export function domainsOf(task: TaskName): string[] {
  return Object.values(TASKS[task].testSets).flat();
}

/** The user's text of a record, as its task puts it. A record in the meta form, which names no task, is put as counting's are. */
export function recordPrompt(record: MetaRecord & { task?: string }, style: PromptStyle): string {
  return taskNamed(record.task ?? 'counting').writePrompt(record, style);
}
