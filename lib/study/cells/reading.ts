/**
 * How often a model works a question out behind the study's prompt, measured in two ways. The share among sampled completions is plain,
 * but says nothing of shares far below one in their number. The probability that the model gives the right solution, token by token, has
 * no such bound; it is lower than the share, as it counts one solution for each question.
 */
import type { EvaluationItem } from '../../evaluate/evaluate.js';
import { type Deferred, preparePrompts } from '../../model/deferred-prompt.js';
import { completionText, encodeCompletion, type Model } from '../../model/model.js';
import type { TaskName } from '../../tasks/tasks.js';
import { isWorkedOut } from '../../tasks/worked-out.js';
import { cutIntoRuns } from '../../train/batches.js';
import { logProbStep } from '../../train/policy-step.js';
import { computeLogProbs } from '../../train/policy-update.js';
import { encodeQuestions } from './encode-rows.js';
import type { QuestionRow } from './prepared-rows.js';

/** What a reading is made of. */
export interface ReadingSettings {
  /** The training rows that are asked, [from, to). */
  rows: readonly [from: number, to: number];
  /** Completions that are drawn of each, from the whole distribution at temperature 1. */
  completions: number;
  /** Longest completion in tokens. */
  maxNewTokens: number;
}

/** A row with its right solution in tags, as the base model's own notation has it. */
export interface SolvedRow {
  question: QuestionRow;
  /** The whole completion. */
  solution: string;
}

/** The outcome. */
export interface Reading {
  /** Of the completions that were drawn, how many are worked out (`tasks/worked-out.ts`). */
  workedOut: number;
  drawn: number;
  /** The probability of the right solution, the mean over questions. */
  solutionProbability: number;
  /** Its standard error over questions; absent of one question. */
  solutionError?: number;
  questions: number;
}

/** Completions that are drawn together, and solutions whose probability is computed together. */
const BATCH = 256;
const SOLUTIONS = 16;

/** Draws completions of each question and computes the probability of its solution. The draws follow from the questions' ids. */
export async function readWorkedOut(
  model: Model,
  task: TaskName,
  rows: readonly SolvedRow[],
  { completions, maxNewTokens }: ReadingSettings,
): Promise<Reading> {
  const items = encodeQuestions(
    model,
    rows.map(({ question }) => question),
  );
  let workedOut = 0;
  for (const batch of cutIntoRuns(items, Math.max(1, Math.floor(BATCH / completions)))) {
    await new Promise((resolve) => setImmediate(resolve));
    const prepared = await preparePrompts<EvaluationItem>(batch);
    const groups = model.generator.generate(
      model.parameters,
      prepared.map(({ prompt }) => prompt),
      { temperature: 1, topK: 0, topP: 1, minP: 0, maxNewTokens, completions, seed: 0 },
      prepared.map(({ id }) => `reading/${id}`),
    );
    groups.forEach((group, i) => {
      const texts = group.map((completion) => completionText(model, completion));
      workedOut += texts.filter((text) => isWorkedOut(task, text, String(prepared[i]!.row.problem))).length;
    });
  }
  const probabilities = await solutionProbabilities(model, items, rows);
  const questions = rows.length;
  const solutionProbability = probabilities.reduce((sum, p) => sum + p, 0) / questions;
  const squares = probabilities.reduce((sum, p) => sum + (p - solutionProbability) ** 2, 0);
  return {
    ...{ workedOut, drawn: questions * completions, solutionProbability, questions },
    ...(questions > 1 ? { solutionError: Math.sqrt(squares / (questions - 1) / questions) } : {}),
  };
}

/** The probability of each solution behind its question: exp of the sum of its tokens' log-probabilities, its end token among them. */
async function solutionProbabilities(
  model: Model,
  items: readonly Deferred<EvaluationItem>[],
  rows: readonly SolvedRow[],
): Promise<number[]> {
  const step = logProbStep(model.config, 1);
  const probabilities: number[] = [];
  for (const places of cutIntoRuns([...items.keys()], SOLUTIONS)) {
    await new Promise((resolve) => setImmediate(resolve));
    const examples = await preparePrompts<EvaluationItem>(places.map((place) => items[place]!));
    const solutions = places.map((place) => encodeCompletion(model, rows[place]!.solution));
    const rollout = {
      examples,
      completions: solutions.map((tokens) => [{ tokens, logProbs: [], ended: true }]),
      advantages: [],
    };
    const { logProbs } = computeLogProbs(step, model.parameters, rollout, model.config, SOLUTIONS);
    for (const [tokens] of logProbs) probabilities.push(Math.exp(tokens!.reduce((sum, value) => sum + value, 0)));
  }
  return probabilities;
}
