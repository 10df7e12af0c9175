/** The format reward of the released code. */

/**
 * The released reward to the letter: 1 if `<think>.*?</think>\s*<answer>.*?</answer>` (dot matches newline) matches the whole
 * completion, else 0. Repeated and nested blocks pass, as they do there: a completion with two answers earns 1.
 */
export function releasedFormatReward({ completion }: { completion: string }): number {
  if (!completion.startsWith('<think>') || !completion.endsWith('</answer>')) return 0;
  // The lazy dots may stretch over tags, so any seam `</think>\s*<answer>` between the outer tags will do.
  const last = completion.length - '</answer>'.length - '<answer>'.length;
  for (let from = '<think>'.length; ; ) {
    const closed = completion.indexOf('</think>', from);
    if (closed < 0) return 0;
    from = closed + '</think>'.length;
    while (/\s/.test(completion.charAt(from))) from++;
    if (from <= last && completion.startsWith('<answer>', from)) return 1;
  }
}
