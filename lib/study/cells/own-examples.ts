/** What trainers and evaluations read, made of rows of any data in one call: for scripts and notebooks of one's own. */
import { type Evaluation, type EvaluationItem, evaluateModel } from '../../evaluate/evaluate.js';
import type { Deferred } from '../../model/deferred-prompt.js';
import type { Model } from '../../model/model.js';
import { readRows } from '../../records/open-rows.js';
import { REWARDS } from '../../rewards/rewards.js';
import type { PromptOptions } from '../../tasks/asked-prompt.js';
import type { Task, TestSetTitle } from '../../tasks/task.js';
import type { NamedReward } from '../../train/named-reward.js';
import type { GrpoExample } from '../../train/rollout.js';
import type { SftExample } from '../../train/sft.js';
import { encodeGrpoRows, encodeQuestions, encodeSftRows } from './encode-rows.js';
import { prepareQuestions, prepareSftRows, type Rows, type SftTarget } from './prepared-rows.js';

/**
 * The examples of supervised fine-tuning. Pictures in files are decoded each time that a step needs them.
 *
 * @param options how rows are put to the model, and what is learned: the answer, or rationale and answer in tags (`cot`)
 * @throws Error naming a row that lacks a column of the prompt, or a rationale where the target is one
 */
export function sftExamples(
  model: Model,
  rows: Rows,
  { target, ...asked }: PromptOptions & { target: SftTarget },
): Deferred<SftExample>[] {
  return encodeSftRows(model, prepareSftRows(rows, target, asked));
}

/** The prompts of GRPO with their rows, as `sftExamples` makes those of fine-tuning. */
export function grpoExamples(model: Model, rows: Rows, asked: PromptOptions = {}): Deferred<GrpoExample>[] {
  return encodeGrpoRows(model, prepareQuestions(rows, asked));
}

/** The items of an evaluation, as `sftExamples` makes the examples of fine-tuning. */
export function evaluationItems(model: Model, rows: Rows, asked: PromptOptions = {}): Deferred<EvaluationItem>[] {
  return encodeQuestions(model, prepareQuestions(rows, asked));
}

/** The rewards of a task as `trainGrpo` takes them. */
export function taskRewards({ rewards }: Task): NamedReward[] {
  return rewards.map((reward) =>
    typeof reward === 'string' ? { name: reward, weight: 1, reward: REWARDS[reward] } : { weight: 1, ...reward },
  );
}

/**
 * Evaluates a model on every test set of a task, whose rows stand in files.
 *
 * @param options.maxNewTokens the longest completion in tokens
 */
export async function evaluateTask<TestSet extends string>(
  model: Model,
  task: Task<string, TestSet> & { testSets: { readonly [set in TestSet]: TestSetTitle & { file: string } } },
  { maxNewTokens }: { maxNewTokens: number },
): Promise<{ [set in TestSet]: Evaluation }> {
  const evaluations: { [set: string]: Evaluation } = {};
  for (const [set, { file }] of Object.entries<{ file: string }>(task.testSets)) {
    const items = evaluationItems(model, await readRows({ file }), { task });
    evaluations[set] = await evaluateModel(model, items, { maxNewTokens, score: task.score });
  }
  return evaluations as { [set in TestSet]: Evaluation };
}
