/** The answer in a completion: what stands between the first answer tags. */

/**
 * The text of the first `<answer>...</answer>`, stripped; without such a pair the whole completion, stripped, as in the
 * released code.
 */
export function extractAnswer(completion: string): string {
  return taggedAnswer(completion) ?? completion.trim();
}

/** The text of the first `<answer>...</answer>`, stripped, or undefined where there is none. Linear in the text. */
export function taggedAnswer(completion: string): string | undefined {
  const open = completion.indexOf('<answer>');
  if (open < 0) return undefined;
  const close = completion.indexOf('</answer>', open + 8);
  return close < 0 ? undefined : completion.slice(open + 8, close).trim();
}
