/** What a reward is: the one object that it reads, and what it may give. */
import type { RgbImage } from '../records/image.js';
import type { DataRow } from '../records/record.js';

/**
 * All that a reward may read about one completion. A reward names in its parameter the fields that it uses, and no others: so it is
 * called by hand with these alone.
 *
 * @example
 * function answersInColour({ completion, row }: Pick<RewardInput, 'completion' | 'row'>) {
 *   return row.question_type === 'color' ? /red|blue|green/.test(completion) : null;
 * }
 */
export interface RewardInput {
  /** The text that the model wrote, without the token that ends it. */
  completion: string;
  /** The row with all its columns; `row.answer` is the gold answer. */
  row: DataRow;
  /** The chat as the model read it, without special tokens. The question alone is `row.problem`. */
  prompt: string;
  /** All completions of the prompt, this one among them, for rewards that compare. */
  group: readonly string[];
  /** The length of the completion in tokens, the end token included. */
  tokens: number;
  /** Whether the completion was cut at the length limit before it came to its end. */
  cut: boolean;
  /** The training step; the first is 1. In an evaluation it is Infinity, later than any step that a reward waits for. */
  step: number;
  /** A text that is this completion's alone in the run: seed, step, prompt and completion. Rewards make random numbers from it. */
  randomKey: string;
  /** Decodes the pictures of the row; only a reward that looks at them pays for it. */
  images: () => Promise<readonly RgbImage[]>;
  /** Is aborted when the answer would come too late: hand it to `fetch`. */
  signal: AbortSignal;
}

/** A number; true or false for 1 or 0; null where the reward does not apply to the completion, which leaves it out of the sum. */
export type RewardValue = number | boolean | null;

/** What a reward gives: its value, or the value with more. */
export type RewardOutput =
  | RewardValue
  | {
      reward: RewardValue;
      /** Metrics of its own, which the run logs as `rewards/{reward}/{metric}`. */
      metrics?: { readonly [metric: string]: number };
      /** Why a null is a failure and not a choice: it counts as an error and is logged, and the run goes on. */
      error?: string;
    };

/** A reward: a function of one completion, which may have to wait for its answer. */
export type RewardFunction = (input: RewardInput) => RewardOutput | Promise<RewardOutput>;

/** A reward that judges all completions of a step in one call. It gives one output for each input, in order. */
export interface BatchedReward {
  batch: (inputs: readonly RewardInput[]) => readonly RewardOutput[] | Promise<readonly RewardOutput[]>;
}

/** A reward of either form. */
export type Reward = RewardFunction | BatchedReward;

/** What a reward reads that compares the completion with the gold answer and nothing else. */
export interface AnsweredCompletion {
  completion: string;
  row: { answer: string };
}
