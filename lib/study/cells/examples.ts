/** From records to what trainers and evaluation read: encoded prompts, completions to train, gold answers. */

import type { EvaluationItem } from '../../evaluate/evaluate.js';
import type { Deferred } from '../../model/deferred-prompt.js';
import type { EncodedPrompt } from '../../model/generate.js';
import { encodeCompletion, encodePrompt, type Model } from '../../model/model.js';
import { readImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { type PromptStyle, writeTarget } from '../../tasks/prompts.js';
import { recordPrompt } from '../../tasks/tasks.js';
import type { GrpoExample } from '../../train/rollout.js';
import type { SftExample } from '../../train/sft.js';
import type { LoadedRows } from '../data/load-rows.js';

/** Rows whose images stay in their files until a step needs them. */
export interface RowFiles {
  records: TaskRecord[];
  files: string[][];
}

/** Rows with their images, or with the files of these. */
export type Rows = LoadedRows | RowFiles;

/** The prompts of rows in one style, each as its task puts it; of files, what makes them. */
export function encodePrompts(model: Model, rows: LoadedRows, style: PromptStyle): EncodedPrompt[];
export function encodePrompts(
  model: Model,
  rows: Rows,
  style: PromptStyle,
): Deferred<{ prompt: EncodedPrompt }>['prompt'][];
export function encodePrompts(model: Model, rows: Rows, style: PromptStyle) {
  return rows.records.map((record, i) => {
    const text = recordPrompt(record, style);
    if ('images' in rows) return encodePrompt(model, rows.images[i]!, text);
    return async () => encodePrompt(model, await Promise.all(rows.files[i]!.map(readImage)), text);
  });
}

/** Examples for supervised fine-tuning: on answers alone, or on rationale and answer in tags. */
export function sftExamples(model: Model, rows: LoadedRows, target: 'answer' | 'cot'): SftExample[];
export function sftExamples(model: Model, rows: Rows, target: 'answer' | 'cot'): Deferred<SftExample>[];
export function sftExamples(model: Model, rows: Rows, target: 'answer' | 'cot'): Deferred<SftExample>[] {
  const prompts = encodePrompts(model, rows, target === 'cot' ? 'think' : 'bare');
  return rows.records.map(({ cot, answer }, i) => ({
    prompt: prompts[i]!,
    completion: encodeCompletion(model, target === 'cot' ? writeTarget(cot, answer) : answer),
  }));
}

/** Examples for GRPO: the prompt that asks for tags, and the gold answer. */
export function grpoExamples(model: Model, rows: LoadedRows): GrpoExample[];
export function grpoExamples(model: Model, rows: Rows): Deferred<GrpoExample>[];
export function grpoExamples(model: Model, rows: Rows): Deferred<GrpoExample>[] {
  const prompts = encodePrompts(model, rows, 'think');
  return rows.records.map(({ id, answer }, i) => ({ id, prompt: prompts[i]!, solution: answer }));
}

/** Test items: each prompt in one style, with the gold answer. */
export function evaluationItems(model: Model, rows: LoadedRows, style: PromptStyle): EvaluationItem[];
export function evaluationItems(model: Model, rows: Rows, style: PromptStyle): Deferred<EvaluationItem>[];
export function evaluationItems(model: Model, rows: Rows, style: PromptStyle): Deferred<EvaluationItem>[] {
  const prompts = encodePrompts(model, rows, style);
  return rows.records.map(({ id, family, answer }, i) => ({ id, family, prompt: prompts[i]!, solution: answer }));
}
