/** The format reward of the caption variant: summary, caption, thinking and answer, in that order. */
import { isBlockSequence } from './blocks.js';

/**
 * 1 if the whole completion is `<summary>...</summary>`, `<caption>...</caption>`, `<think>...</think>`,
 * `<answer>...</answer>`, with nothing but white space between them and each tag once, else 0.
 */
export function captionFormatReward({ completion }: { completion: string }): number {
  return isBlockSequence(completion, ['summary', 'caption', 'think', 'answer']) ? 1 : 0;
}
