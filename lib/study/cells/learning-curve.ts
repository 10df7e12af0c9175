/**
 * The learning curve of a run: how well the model answers items of the test sets while it trains, by the task's own metric. It only measures:
 * an evaluation has no score, so that no checkpoint is chosen by a test set.
 */
import { checkNames } from '../../engine/names.js';
import { type EvaluationItem, evaluateModel } from '../../evaluate/evaluate.js';
import type { Deferred } from '../../model/deferred-prompt.js';
import type { Model } from '../../model/model.js';
import type { ModelWeights } from '../../model/tensors.js';
import type { Scorer } from '../../rewards/scorer.js';
import type { EvaluationSchedule } from '../../train/loop.js';
import type { Metrics } from '../../train/metrics.js';
import { encodeQuestions } from './encode-rows.js';
import type { QuestionRow } from './prepared-rows.js';

/** Where a learning curve is measured. */
export interface CurveSettings {
  /** Steps between two points. There are points before the first step, after 2, 4, 8, ... steps before that, and after the last step too. */
  evaluateEvery: number;
  /** Items of each test set. */
  items: number;
}

/** Every setting; the compiler asks for each. */
const FIELDS: { readonly [name in keyof CurveSettings]: true } = { evaluateEvery: true, items: true };

/** @throws Error naming a setting that does not exist, with the nearest one that does, or one that is missing */
export function checkCurveNames(settings: CurveSettings): void {
  checkNames(settings, Object.keys(FIELDS), 'setting', 'curve: ');
}

/** Checks the settings. @throws Error naming the one that is impossible, does not exist or is missing */
function checkCurve(settings: CurveSettings): void {
  checkCurveNames(settings);
  for (const name of ['evaluateEvery', 'items'] as const) {
    if (!Number.isInteger(settings[name]) || settings[name] < 1)
      throw new Error(`curve: ${name} must be a whole number of 1 or more, got ${settings[name]}`);
  }
}

/** The places of `count` items that lie evenly over a set of so many: a set holds the items of its domains one after the other. */
export function evenPlaces(length: number, count: number): number[] {
  const taken = Math.min(length, count);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * length) / taken));
}

/** How the accuracy of a test set is logged at a point of a curve: `accuracy/ood`, with `eval_` before it in the metrics of a step. */
export function curveMetric(set: string): string {
  return `accuracy/${set}`;
}

/** The rows of each test set, how completions are scored, and the longest completion in tokens. */
export interface CurveOptions {
  settings: CurveSettings;
  sets: { readonly [set: string]: readonly QuestionRow[] };
  score: Scorer;
  maxNewTokens: number;
}

/**
 * Makes the evaluation that a trainer takes as `evaluate`. After each evaluation the step's metrics hold, for each test set,
 * `eval_accuracy/{set}`: the mean score of greedy completions.
 *
 * @throws Error naming an impossible setting
 */
export function scheduleCurve(model: Model, { settings, sets, score, maxNewTokens }: CurveOptions): EvaluationSchedule {
  checkCurve(settings);
  const items = Object.entries(sets).map(([set, rows]): [string, Deferred<EvaluationItem>[]] => [
    set,
    encodeQuestions(model, rows),
  ]);
  const measure = async (parameters: ModelWeights) => {
    const metrics: Metrics = {};
    for (const [set, asked] of items) {
      const { accuracy } = await evaluateModel({ ...model, parameters }, asked, { maxNewTokens, score });
      metrics[curveMetric(set)] = accuracy;
    }
    return { metrics };
  };
  return { every: settings.evaluateEvery, doubling: true, measure };
}
