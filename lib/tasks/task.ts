/**
 * The interfaces of tasks. A task is a plain object that says how rows are asked, rewarded and scored; `defineTask` makes one for rows
 * that exist. A drawn task makes its rows itself, and so can prove what is true of them.
 */
import type { Random } from '../engine/random.js';
import type { RgbImage } from '../records/image.js';
import type { DataRow, TaskRecord } from '../records/record.js';
import type { Reward } from '../rewards/reward.js';
import type { RewardName } from '../rewards/rewards.js';
import type { AnswerScorer, Scorer } from '../rewards/scorer.js';
import type { PromptStyle } from './prompts.js';
import type { ReleasedRows } from './released-rows.js';

/** The answer that a chain of thought leads to, or the reason, in words, why it leads to none. */
export type Rederivation = { answer: string } | { reason: string };

/** A reward of one's own, where it is not one of the kit's. */
export interface OwnReward {
  /** The name in metrics and logs. */
  readonly name: string;
  readonly reward: Reward;
  /** Its part of the sum. Default: 1. */
  readonly weight?: number;
}

/** The name of a test set in tables and figures. */
export interface TestSetTitle {
  /** Such as `out of domain, left camera`. */
  readonly title: string;
  /** The name where there is little room, such as `OOD left`. */
  readonly shortTitle: string;
}

/** How rows of one kind are asked, rewarded and scored. */
export interface Task<Name extends string = string, TestSet extends string = string> {
  readonly name: Name;
  /** The name in figures and tables, such as `Visual counting`. */
  readonly title: string;
  /** The test sets, in domain first. */
  readonly testSets: { readonly [set in TestSet]: TestSetTitle };
  /** The user's text: the question and the style's instruction. */
  writePrompt(row: DataRow, style: PromptStyle): string;
  /** The rewards that GRPO earns; those of the kit have weight 1. */
  readonly rewards: readonly (RewardName | OwnReward)[];
  /** The score of a completion against the gold answer, in [0, 1]. */
  readonly score: Scorer;
}

/** A test set of a drawn task. */
export interface TestSetDescription extends TestSetTitle {
  /** The number of items in the paper. */
  readonly paperItems: number;
  /** The domains that the items come from, each with its share of them. The shares sum to 1. */
  readonly domains: { readonly [domain: string]: number };
}

/**
 * One of the kit's own tasks. Its functions take its own records only, as they read the `scene` and `program` that its `sample` wrote.
 */
export interface DrawnTask<Name extends string = string, TestSet extends string = string> extends Task<Name, TestSet> {
  /** The test sets, in domain first. Training rows come from domain `id`. */
  readonly testSets: { readonly [set in TestSet]: TestSetDescription };
  /** The longest completion that the nano model needs, in tokens: room for the task's longest solution in tags. */
  readonly nanoCompletionTokens: number;
  /** The longest bare answer that the nano model needs, in tokens, its end included. A worked solution does not fit into it. */
  readonly nanoAnswerTokens: number;
  /**
   * Draws one row of a domain, without its images.
   *
   * @throws Error when the domain is none of the task's, naming those that are
   */
  sample(domain: string, id: string, random: Random): TaskRecord;
  /** Draws the images of a row, in the order of its file names. */
  draw(record: TaskRecord): RgbImage[];
  /** The user's text, which the question and the kind of its answer decide. */
  writePrompt(row: Pick<DataRow, 'problem' | 'answer'>, style: PromptStyle): string;
  /** The words and marks that the task's texts can hold: the nano model's tokenizer makes one token of each. */
  vocabulary(): string[];
  /** Says why a text cannot be an answer of this task; undefined when it can. */
  answerFault(answer: string): string | undefined;
  /** The reverse check: derives the answer again, from the rationale (in either wording) and the text of the question alone. */
  rederive(cot: string, problem: string): Rederivation;
  /** The row's solution in the base model's own notation, which its pretraining shows. An annotator's rationale is compared with it. */
  workOut(record: TaskRecord): string;
  /** The answer that follows from the true scene. */
  solve(record: TaskRecord): string;
  /** Equal for two rows that show the same scene; the view, the light and the grain do not count. */
  sceneFingerprint(record: TaskRecord): string;
  /** Equal for two rows that ask the same of the same things, wherever these stand and however they are drawn. */
  questionFingerprint(record: TaskRecord): string;
  /** The row as a careless annotator would leave it, spoiled in one way. Two rows when the mistake is to write it twice. */
  spoil(record: TaskRecord, random: Random): TaskRecord[];
  /** The rewards that GRPO earns, each of weight 1. */
  readonly rewards: readonly RewardName[];
  /** The one of `rewards` that judges the answer. Curves and claims about accuracy read it. */
  readonly accuracyReward: RewardName;
  /** The same judgement of a completion that has to be the answer alone. GRPO without thinking trains on it. */
  readonly bareReward: RewardName;
  /** The one of `rewards` that judges the form of the completion. The curve of format reads it. */
  readonly formatReward: RewardName;
  /** The settings of the reward ablation in the order of its figure, each with its rewards of weight 1. One of them has `rewards`. */
  readonly rewardAblation: { readonly [setting: string]: readonly RewardName[] };
  /** The rewards of the released scripts, with all their flaws. */
  readonly releasedRewards: readonly RewardName[];
  /** The score of a completion against the gold answer, in [0, 1]. */
  readonly score: AnswerScorer;
  /** Whether `score` gives credit between 0 and 1 to an answer that is right in part. */
  readonly partialCredit: boolean;
  /** The score of the released evaluation, with all its flaws. */
  readonly releasedScore: AnswerScorer;
  /** How the rows of the released dataset are read. Absent from a task of which the dataset holds none. */
  readonly released?: ReleasedRows<TestSet>;
}
