/** Converts records to the forms that trainers elsewhere read: ShareGPT conversations for SFT, prompt rows for RL. */

import type { DataRow } from '../records/record.js';
import { writeTarget } from '../tasks/prompts.js';
import { recordPrompt } from '../tasks/tasks.js';

/** A conversation in ShareGPT form. */
export interface ShareGptRow {
  id: string;
  /** Always a list: readers that keep columns of one type, such as Arrow's, refuse a string in one row and a list in the next. */
  image: string[];
  messages: { role: 'system' | 'user' | 'assistant'; content: string }[];
}

/** A row for reinforcement learning, as the released trainer reads it. */
export interface RlRow {
  id: string;
  image: string | string[];
  problem: string;
  solution: string;
}

/**
 * A conversation of one turn each. Every image stands as `<image>` before the text, as the released RL trainer and evaluation have it.
 * (The released converter of spatial transformation puts them after the rules, so its training and its evaluation differ.)
 */
export function toConversation(record: Pick<DataRow, 'id' | 'image'>, prompt: string, target: string): ShareGptRow {
  const image = [record.image].flat();
  const images = '<image>'.repeat(image.length);
  return {
    id: record.id,
    image,
    messages: [
      { role: 'user', content: `${images}${prompt}` },
      { role: 'assistant', content: target },
    ],
  };
}

/** ANS-SFT: the bare question, the bare answer. */
export function toAnswerSft(record: DataRow): ShareGptRow {
  return toConversation(record, recordPrompt(record, 'bare'), record.answer);
}

/**
 * CoT-SFT: the question with the think instruction, rationale and answer in tags. The row's task words the instruction; a row of none
 * of the kit's tasks is asked in words that fit any answer.
 *
 * @throws Error when the row has no rationale
 */
export function toCotSft(record: DataRow): ShareGptRow {
  if (record.cot === undefined) throw new Error(`row '${record.id}' has no rationale (cot), which CoT-SFT trains`);
  return toConversation(record, recordPrompt(record, 'think'), writeTarget(record.cot, record.answer));
}

/** GRPO: the question and the gold answer. */
export function toRl(record: DataRow): RlRow {
  return { id: record.id, image: record.image, problem: record.problem, solution: record.answer };
}
