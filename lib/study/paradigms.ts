/** The five paradigms that the paper compares, as cells. */
import type { PromptStyle } from '../tasks/prompts.js';
import type { Cell, GrpoCell, SftCell } from './cell.js';
import type { Study } from './workspace.js';

export const PARADIGMS = ['zero-shot', 'ans-sft', 'cot-sft', 'reason-rft-zero', 'reason-rft'] as const;
export type Paradigm = (typeof PARADIGMS)[number];

/** The paradigms' names as the paper writes them. */
export const PARADIGM_NAMES: { readonly [paradigm in Paradigm]: string } = {
  'zero-shot': 'Zero-shot',
  'ans-sft': 'ANS-SFT',
  'cot-sft': 'CoT-SFT',
  'reason-rft-zero': 'Reason-RFT-Zero',
  'reason-rft': 'Reason-RFT',
};

/** How each paradigm is asked, in training and in evaluation alike. */
export const PARADIGM_PROMPTS: { readonly [paradigm in Paradigm]: PromptStyle } = {
  'zero-shot': 'direct',
  'ans-sft': 'bare',
  'cot-sft': 'think',
  'reason-rft-zero': 'think',
  'reason-rft': 'think',
};

/** Stage 1 of Reason-RFT: chain-of-thought fine-tuning on the first rows. */
export function stageOneCell({ profile }: Study, rows = profile.stageOneRows): SftCell {
  return { kind: 'sft', target: 'cot', rows: [0, rows], settings: profile.stageOne };
}

/** What a paradigm trains; the base model is zero-shot. */
export function paradigmCell(study: Study, paradigm: 'ans-sft' | 'cot-sft'): SftCell;
export function paradigmCell(study: Study, paradigm: 'reason-rft-zero' | 'reason-rft'): GrpoCell;
export function paradigmCell(study: Study, paradigm: Paradigm): Cell | 'base';
export function paradigmCell(study: Study, paradigm: Paradigm): Cell | 'base' {
  const { profile } = study;
  const rewards = { accuracy_reward: 1, format_reward: 1 };
  const all: [number, number] = [0, profile.trainRows];
  switch (paradigm) {
    case 'zero-shot':
      return 'base';
    case 'ans-sft':
      return { kind: 'sft', target: 'answer', rows: all, settings: profile.answerSft };
    case 'cot-sft':
      return { kind: 'sft', target: 'cot', rows: all, settings: profile.cotSft };
    case 'reason-rft-zero':
      return { kind: 'grpo', start: 'base', rows: all, rewards, settings: profile.grpo };
    case 'reason-rft':
      return reasonRftCell(study);
  }
}

/** Reason-RFT: stage 1, then GRPO on the rest of the rows. */
export function reasonRftCell(study: Study): GrpoCell {
  const { profile } = study;
  return {
    kind: 'grpo',
    start: stageOneCell(study),
    rows: [profile.stageOneRows, profile.trainRows],
    rewards: { accuracy_reward: 1, format_reward: 1 },
    settings: profile.grpo,
  };
}
