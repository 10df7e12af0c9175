/**
 * Accuracy rewards of bare answers, for GRPO without thinking (No-Thinking-RFT, Li et al. 2025, arXiv 2503.16188): the whole completion
 * has to be the answer. The other accuracy rewards look for the answer within a completion. They would pay for an answer that was thought
 * out first, and reinforcement would bring the thinking back.
 */
import { accuracyReward } from './accuracy.js';
import { extractAnswer } from './extract-answer.js';
import { functionReward } from './function-reward.js';
import { mathematicalReward } from './mathematical.js';
import type { AnsweredCompletion } from './reward.js';

/**
 * 1 if the whole completion equals the gold answer as a string or as a decimal number, else 0.
 *
 * @example bareAccuracyReward({ completion: '<answer>6</answer>', row: { answer: '6' } }) // 0
 */
export function bareAccuracyReward(input: AnsweredCompletion): number {
  return isBare(input.completion) ? accuracyReward(input) : 0;
}

/** The mathematical reward of a completion that is nothing but a number or a choice, else 0. */
export function bareMathematicalReward(input: AnsweredCompletion): number {
  return isBare(input.completion) ? mathematicalReward(input) : 0;
}

/** The share of calls that match as a whole, of a completion that is nothing but calls, else 0. */
export function bareFunctionReward(input: AnsweredCompletion): number {
  return isCallsAlone(input.completion) ? functionReward(input) : 0;
}

/** Whether the answer that is read from a completion is the completion itself. */
function isBare(completion: string): boolean {
  return extractAnswer(completion) === completion.trim();
}

// `\b` keeps the search linear: one attempt a word, not one a letter.
const CALL = /\b\w+\(\s*\w+\s*,\s*(?:\w+|'\w+'|"\w+")\s*\)/g;

/** Whether a text has calls and what parts them, and no word beside. */
function isCallsAlone(text: string): boolean {
  return /^[\s,;.]*$/.test(text.replaceAll(CALL, ''));
}
