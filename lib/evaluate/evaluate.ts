/** Evaluation: greedy completions of test prompts, scored one by one, with the interval of the accuracy. */
import type { EncodedPrompt } from '../model/generate.js';
import type { Model } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import { accuracyReward } from '../rewards/accuracy.js';
import { formatReward } from '../rewards/format.js';
import { wilsonInterval } from './interval.js';

/** A test item. */
export interface EvaluationItem {
  id: string;
  family: string;
  prompt: EncodedPrompt;
  solution: string;
}

/** One item's outcome. */
export interface EvaluatedItem {
  id: string;
  family: string;
  solution: string;
  completion: string;
  correct: boolean;
  /** Whether the completion has the tags as asked. */
  formatted: boolean;
  tokens: number;
  ended: boolean;
}

export interface Evaluation {
  accuracy: number;
  count: number;
  /** Wilson 95 % interval of the accuracy. */
  interval: [number, number];
  formatted: number;
  /** Mean tokens of a completion. */
  meanTokens: number;
  items: EvaluatedItem[];
}

/** Prompts decoded together. */
const BATCH = 125;

/**
 * Completes every prompt greedily and scores the extracted answer: equal as text or as a number. The paper samples at
 * temperature 0.1, which at this temperature is all but greedy; greedy is the same each time.
 *
 * @param onProgress called after each batch with the number of items done
 */
export async function evaluateModel(
  model: Model,
  items: readonly EvaluationItem[],
  maxNewTokens: number,
  onProgress?: (done: number, total: number) => void,
): Promise<Evaluation> {
  const outcomes: EvaluatedItem[] = [];
  for (let first = 0; first < items.length; first += BATCH) {
    await new Promise((resolve) => setImmediate(resolve));
    const batch = items.slice(first, first + BATCH);
    const prompts = batch.map((item) => item.prompt);
    const settings = { ...GREEDY, maxNewTokens, completions: 1, seed: 0 };
    const groups = model.generator.generate(model.parameters, prompts, settings);
    batch.forEach(({ id, family, solution }, i) => {
      const { tokens, ended } = groups[i]![0]!;
      const completion = model.tokenizer.decode(ended ? tokens.slice(0, -1) : tokens);
      const correct = accuracyReward(completion, { solution }) === 1;
      const formatted = formatReward(completion) === 1;
      outcomes.push({ id, family, solution, completion, correct, formatted, tokens: tokens.length, ended });
    });
    onProgress?.(outcomes.length, items.length);
  }
  return summarize(outcomes);
}

/** The figures of a set of outcomes. */
export function summarize(items: EvaluatedItem[]): Evaluation {
  const count = items.length;
  const share = (passes: (item: EvaluatedItem) => boolean) => items.filter(passes).length / count;
  const accuracy = share((item) => item.correct);
  return {
    accuracy,
    count,
    interval: wilsonInterval(Math.round(accuracy * count), count),
    formatted: share((item) => item.formatted),
    meanTokens: items.reduce((sum, item) => sum + item.tokens, 0) / count,
    items,
  };
}
