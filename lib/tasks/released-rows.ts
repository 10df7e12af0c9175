/** The interface to a task's rows in the released dataset (`tanhuajie2001/Reason-RFT-CoT-Dataset`): its files, and how a row is read. */
import type { PromptStyle } from './prompts.js';

export interface ReleasedRows<TestSet extends string = string> {
  /** The meta file of each set, relative to the dataset's folder. */
  readonly files: { readonly [set in 'train' | TestSet]: string };
  /** The number of images of a row. */
  readonly images: number;
  /** Says why a text cannot be a gold answer; undefined when it can. */
  answerFault(answer: string): string | undefined;
  /** The question with all that is needed to answer it, but without an instruction on how to answer. */
  writeQuestion(problem: string): string;
  /** The family by which results tell rows apart. The dataset names none; it follows from the answer. */
  family(answer: string): string;
  /** The name of the row's prompt in `utils/prompts.py` of the authors' code. */
  promptName(answer: string, style: PromptStyle): string;
  /** Whether the released RL trainer reads the field `answer` of a row, to choose its prompt. */
  readonly rlRowsHoldAnswer: boolean;
  /** The rows that stage 2 trains on: those that stage 1 leaves, or all of them again. */
  readonly stageTwo: 'rest' | 'all';
}

/** A prompt's name in the authors' code: the task's name there, and whether the prompt asks to reason. */
export function releasedPromptName(stem: string, style: PromptStyle): string {
  return `PROMPT_${stem}_${style === 'think' ? 'COT_SFT' : 'ANS_SFT'}`;
}
