/** From records to what trainers and evaluation read: encoded prompts, completions to train, gold answers. */

import type { EvaluationItem } from '../evaluate/evaluate.js';
import type { EncodedPrompt } from '../model/generate.js';
import { encodeCompletion, encodePrompt, type Model } from '../model/model.js';
import { type PromptStyle, writeTarget } from '../tasks/prompts.js';
import { recordPrompt } from '../tasks/task.js';
import type { GrpoExample } from '../train/rollout.js';
import type { SftExample } from '../train/sft.js';
import type { LoadedRows } from './study-data.js';

/** The prompts of rows in one style, each as its task puts it. */
export function encodePrompts(model: Model, { records, images }: LoadedRows, style: PromptStyle): EncodedPrompt[] {
  return records.map((record, i) => encodePrompt(model, images[i]!, recordPrompt(record, style)));
}

/** Examples for supervised fine-tuning: on answers alone, or on rationale and answer in tags. */
export function sftExamples(model: Model, rows: LoadedRows, target: 'answer' | 'cot'): SftExample[] {
  const prompts = encodePrompts(model, rows, target === 'cot' ? 'think' : 'bare');
  return rows.records.map(({ cot, answer }, i) => ({
    prompt: prompts[i]!,
    completion: encodeCompletion(model, target === 'cot' ? writeTarget(cot, answer) : answer),
  }));
}

/** Examples for GRPO: the prompt that asks for tags, and the gold answer. */
export function grpoExamples(model: Model, rows: LoadedRows): GrpoExample[] {
  const prompts = encodePrompts(model, rows, 'think');
  return rows.records.map(({ id, answer }, i) => ({ id, prompt: prompts[i]!, solution: answer }));
}

/** Test items: each prompt in one style, with the gold answer. */
export function evaluationItems(model: Model, rows: LoadedRows, style: PromptStyle): EvaluationItem[] {
  const prompts = encodePrompts(model, rows, style);
  return rows.records.map(({ id, family, answer }, i) => ({ id, family, prompt: prompts[i]!, solution: answer }));
}

/** Some of the rows, by position. */
export function sliceRows({ records, images }: LoadedRows, from: number, to?: number): LoadedRows {
  return { records: records.slice(from, to), images: images.slice(from, to) };
}
