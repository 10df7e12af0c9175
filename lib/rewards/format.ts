/** The format reward: is the whole completion one thinking block, then one answer block? */

/**
 * 1 if the whole completion is `<think>...</think>`, optional white space, `<answer>...</answer>`, else 0. Stricter than the
 * released expression in one point: a tag may occur once only, so that nested or repeated blocks earn nothing.
 *
 * @example formatReward('<think>2 + 2</think>\n<answer>4</answer>') // 1
 */
export function formatReward(completion: string): number {
  if (!completion.startsWith('<think>') || !completion.endsWith('</answer>')) return 0;
  const once = (tag: string) => completion.indexOf(tag) === completion.lastIndexOf(tag);
  if (!['<think>', '</think>', '<answer>', '</answer>'].every(once)) return 0;
  const closed = completion.indexOf('</think>');
  const opened = completion.indexOf('<answer>');
  if (closed < 0 || opened < closed) return 0;
  return completion.slice(closed + 8, opened).trim() === '' ? 1 : 0;
}
