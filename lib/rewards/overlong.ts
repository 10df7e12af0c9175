/** The soft punishment of long completions (DAPO, Yu et al. 2025, section 3.4): it grows over the last tokens before the limit. */

/**
 * 0 up to `longest - buffer` tokens, then a straight line down to -1 at `longest`, and -1 beyond (equation 13). A reward of your own
 * calls it with the limit of its run: `({ tokens }) => softOverlong(tokens, 512, 128)`.
 *
 * @param tokens length of the completion, the end token included
 * @param longest L_max in tokens
 * @param buffer L_cache in tokens, over which the punishment grows; 0: there is none up to `longest`
 * @throws Error when the buffer is larger than the limit, or either is negative
 */
export function softOverlong(tokens: number, longest: number, buffer: number): number {
  if (!(longest > 0 && buffer >= 0 && buffer <= longest))
    throw new Error(`softOverlong: the buffer must lie between 0 and the limit, got ${buffer} and ${longest}`);
  if (tokens > longest) return -1;
  const over = tokens - (longest - buffer);
  return over <= 0 ? 0 : -over / buffer;
}
