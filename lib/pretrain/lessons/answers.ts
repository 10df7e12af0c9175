/** Answers to a question of a task: a worked solution, or the untidy text of a model that was never fine-tuned. */
import type { Random } from '../../engine/random.js';
import { writeTarget } from '../../tasks/prompts.js';

/** The request for a worked solution, behind a question. */
export const WORK_OUT = 'Output the thinking process.';

/** The answer to a question that asks for tags: with the probability `workedInTags` the worked solution, else a remark and a hasty answer. */
export function inTags(
  worked: { solution: string; answer: string },
  hasty: { remark: string; answer: string },
  workedInTags: number,
  random: Random,
): string {
  // Drawn in every case, so that rows with another share of worked solutions differ in nothing else.
  const untidy = untidyThinking(hasty.remark, hasty.answer, random);
  return random.chance(workedInTags) ? writeTarget(worked.solution, worked.answer) : untidy;
}

/** An answer to a prompt that asks for tags as a model without fine-tuning might give it: in under a third of cases well formed. */
export function untidyThinking(remark: string, answer: string, random: Random): string {
  const uniform = random.uniform();
  if (uniform < 0.28) return `<think>\n${remark}\n</think>\n<answer>\n${answer}\n</answer>`;
  if (uniform < 0.5) return `<answer>\n${answer}\n</answer>`;
  if (uniform < 0.65) return `<think>\n${remark}\n</think>\n${answer}`;
  if (uniform < 0.8) return `${remark} <answer> ${answer} </answer>`;
  return answer;
}
