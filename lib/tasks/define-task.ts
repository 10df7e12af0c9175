/** Makes a task for rows that exist. The kit's three are made with it too, and add how their rows are drawn. */
import type { DataRow } from '../records/record.js';
import type { RewardName } from '../rewards/rewards.js';
import type { Scorer } from '../rewards/scorer.js';
import { PromptTemplate } from './prompt-template.js';
import type { PromptStyle } from './prompts.js';
import type { OwnReward, Task, TestSetTitle } from './task.js';

/** What a task says of itself. */
export interface TaskDefinition<Name extends string, TestSets, Reward, Score> {
  name: Name;
  /** The name in figures and tables. Default: the name. */
  title?: string;
  /**
   * What a model is asked about a row: a template with the row's columns as its variables, such as `{{ problem }} Answer with one word.`,
   * or a function. A template is the same in every style.
   */
  prompt: string | ((row: DataRow, style: PromptStyle) => string);
  /** The rewards that GRPO earns: names of the kit's, or your own. */
  rewards: readonly Reward[];
  /** Scores a completion against the gold answer, in [0, 1]. */
  score: Score;
  /** The test sets by their names, in domain first. */
  testSets: TestSets;
}

/**
 * Makes a task.
 *
 * @example
 * const EASY_VQA = defineTask({
 *   name: 'easy-vqa',
 *   prompt: '{{ problem }} Answer with one word in <answer> </answer> tags.',
 *   rewards: ['accuracy_reward'],
 *   score: scoreAnswer,
 *   testSets: { id: { title: 'in domain', shortTitle: 'ID', file: 'test.jsonl' } },
 * });
 *
 * @throws Error when the prompt is no template, or is the same text for every row
 */
export function defineTask<
  const Name extends string,
  const TestSets extends { readonly [set: string]: TestSetTitle },
  const Reward extends RewardName | OwnReward,
  Score extends Scorer,
>({ name, title = name, prompt, rewards, score, testSets }: TaskDefinition<Name, TestSets, Reward, Score>) {
  const writePrompt = typeof prompt === 'string' ? templateWriter(prompt, name) : prompt;
  return { name, title, writePrompt, rewards, score, testSets };
}

function templateWriter(source: string, task: string): Task['writePrompt'] {
  const template = new PromptTemplate(source, `the prompt of task ${task}`);
  if (template.isConstant)
    throw new Error(
      `the prompt of task ${task} is the same for every row; write a column of the row into it, such as {{ problem }}`,
    );
  return (row) => template.render(row);
}
