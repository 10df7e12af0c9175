/** Evaluation: greedy completions of test prompts, scored one by one, with the interval of the accuracy. */
import { type Deferred, preparePrompts } from '../model/deferred-prompt.js';
import type { EncodedPrompt } from '../model/generate.js';
import { completionText, type Model } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import type { RgbImage } from '../records/image.js';
import type { DataRow } from '../records/record.js';
import { formatReward } from '../rewards/format.js';
import { type Scorer, scoreCompletion } from '../rewards/scorer.js';
import { estimateOverSeeds } from './over-seeds.js';

/** A test item, ready for the model. */
export interface EvaluationItem {
  id: string;
  family: string;
  prompt: EncodedPrompt;
  /** The row with all its columns, for scorers and rewards; `answer` is the gold answer. */
  row: DataRow;
  /** Decodes the row's pictures, for rewards that look at them. Absent where rewards get none. */
  images?: () => Promise<readonly RgbImage[]>;
}

/** One item's outcome. */
export interface EvaluatedItem {
  id: string;
  family: string;
  solution: string;
  completion: string;
  /** By the task's scorer, in [0, 1]. */
  score: number;
  /** Whether the score is 1. */
  correct: boolean;
  /** Whether the completion has the tags that the prompt asks for. */
  formatted: boolean;
  tokens: number;
  /** Whether it came to its end within the token limit. */
  ended: boolean;
}

/** The outcome of each test item, and their means. */
export interface Evaluation {
  /** The mean score; if all items are right or wrong, the share that is right. */
  accuracy: number;
  count: number;
  /** 95 % interval of the accuracy over the items, as a study has it for one seed: Wilson's (see `estimateOverSeeds`). */
  interval: [number, number];
  /** The share of completions in the format that the prompt asks for. */
  formatted: number;
  /** Mean tokens of a completion. */
  meanTokens: number;
  items: EvaluatedItem[];
}

/** Prompts that are decoded together. */
const BATCH = 125;

export interface EvaluationOptions {
  /** Longest completion in tokens. */
  maxNewTokens: number;
  /** The task's own scorer. */
  score: Scorer;
  /** Called after each batch with the number of items that are done. */
  onProgress?: (done: number, total: number) => void;
  /** Called with each outcome and its item, in order, for what else judges completions. */
  onOutcome?: (outcome: EvaluatedItem, item: EvaluationItem) => void;
}

/**
 * Completes every prompt greedily and scores the completions. The paper samples at temperature 0.1, which is all but greedy;
 * greedy completions are the same each time. A penalty on repetition that the checkpoint names is applied, as transformers does.
 */
export async function evaluateModel(
  model: Model,
  items: readonly Deferred<EvaluationItem>[],
  { maxNewTokens, score, onProgress, onOutcome }: EvaluationOptions,
): Promise<Evaluation> {
  const outcomes: EvaluatedItem[] = [];
  for (let first = 0; first < items.length; first += BATCH) {
    await new Promise((resolve) => setImmediate(resolve));
    const batch = await preparePrompts<EvaluationItem>(items.slice(first, first + BATCH));
    const prompts = batch.map((item) => item.prompt);
    const { repetitionPenalty } = model;
    const settings = { ...GREEDY, repetitionPenalty, maxNewTokens, completions: 1, seed: 0 };
    const groups = model.generator.generate(model.parameters, prompts, settings);
    const judged = batch.map(async ({ id, family, row }, i): Promise<EvaluatedItem> => {
      const drawn = groups[i]![0]!;
      const { tokens, ended } = drawn;
      const completion = completionText(model, drawn);
      const earned = await scoreCompletion(score, completion, row);
      return {
        ...{ id, family, solution: row.answer, completion, score: earned, correct: earned === 1 },
        ...{ formatted: formatReward({ completion }) === 1, tokens: tokens.length, ended },
      };
    });
    for (const [i, outcome] of (await Promise.all(judged)).entries()) {
      outcomes.push(outcome);
      onOutcome?.(outcome, batch[i]!);
    }
    onProgress?.(outcomes.length, items.length);
  }
  return summarize(outcomes);
}

/** The means of a set of outcomes. */
export function summarize(items: EvaluatedItem[]): Evaluation {
  const count = items.length;
  const scores = items.map((item) => item.score);
  const accuracy = scores.reduce((sum, score) => sum + score, 0) / count;
  return {
    accuracy,
    count,
    interval: estimateOverSeeds([accuracy], count).interval,
    formatted: items.filter((item) => item.formatted).length / count,
    meanTokens: items.reduce((sum, item) => sum + item.tokens, 0) / count,
    items,
  };
}

/**
 * The share of completions that were cut at the token limit. What a cut one would have gone on to say is not known, so an accuracy with
 * many of them is one of the limit, not of the model.
 */
export function shareCut({ items }: Pick<Evaluation, 'items'>): number {
  return items.filter((item) => !item.ended).length / items.length;
}
