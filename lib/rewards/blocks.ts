/** Checks whether a text is a fixed sequence of tagged blocks, which is what the format rewards ask. */

/**
 * True if the whole text is `<a>...</a>`, optional white space, `<b>...</b>` and so on, each tag standing exactly once.
 * Linear in the text.
 *
 * @param names the tags in order, such as `['think', 'answer']`
 */
export function isBlockSequence(text: string, names: readonly string[]): boolean {
  let end = 0;
  for (const name of names) {
    const [open, close] = [`<${name}>`, `</${name}>`];
    const [opened, closed] = [text.indexOf(open), text.indexOf(close)];
    if (opened < end || closed < opened + open.length) return false;
    if (text.lastIndexOf(open) !== opened || text.lastIndexOf(close) !== closed) return false;
    const gap = text.slice(end, opened);
    if (end === 0 ? gap !== '' : gap.trim() !== '') return false;
    end = closed + close.length;
  }
  return end === text.length;
}
