/** What the rest of the kit knows of a task: a plain object of functions. */
import type { Random } from '../engine/random.js';
import type { RgbImage } from '../records/image.js';
import type { MetaRecord, TaskRecord } from '../records/record.js';
import type { RewardName } from '../rewards/rewards.js';
import type { Scorer } from '../rewards/scorer.js';
import type { PromptStyle } from './prompts.js';

/** What a chain of thought leads to, or in words why it leads to nothing. */
export type Rederivation = { answer: string } | { reason: string };

/** One task. Records given to it must be its own: their `scene` and `program` are what its `sample` wrote. */
export interface Task<Name extends string = string> {
  readonly name: Name;
  /** The test sets, each with the domains that its rows come from. Training rows come from domain `id`. */
  readonly testSets: { readonly [set: string]: readonly string[] };
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
  /** The reward that judges the answer: curves and claims about accuracy read it. It is one of `rewards`. */
  readonly accuracyReward: RewardName;
  /** What GRPO earns here, each of weight 1. */
  readonly rewards: readonly RewardName[];
  /** What the released scripts of this task reward, traps included. */
  readonly releasedRewards: readonly RewardName[];
  /** The score of a completion against the gold answer, in [0, 1]. */
  readonly score: Scorer;
  /** What the released evaluation counts, traps included. */
  readonly releasedScore: Scorer;
}
