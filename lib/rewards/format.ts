/** The format reward: is the whole completion one thinking block, then one answer block? */
import { isBlockSequence } from './blocks.js';

/**
 * 1 if the whole completion is `<think>...</think>`, optional white space, `<answer>...</answer>`, else 0. Stricter than the
 * released expression in one point: a tag may occur once only, so that nested or repeated blocks earn nothing.
 *
 * @example formatReward({ completion: '<think>2 + 2</think>\n<answer>4</answer>' }) // 1
 */
export function formatReward({ completion }: { completion: string }): number {
  return isBlockSequence(completion, ['think', 'answer']) ? 1 : 0;
}
