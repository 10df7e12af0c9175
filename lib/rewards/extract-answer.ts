/** The answer in a completion: what stands between the first answer tags after the thinking. */

/**
 * The text of the first `<answer>...</answer>` after the last `</think>`, stripped; without such a pair the whole completion,
 * stripped, as in the released code. An answer that the model writes while it thinks is not its answer.
 *
 * @example extractAnswer('<think>maybe <answer>5</answer>? no</think><answer>6</answer>') // '6'
 */
export function extractAnswer(completion: string): string {
  const thought = completion.lastIndexOf('</think>');
  const rest = thought < 0 ? completion : completion.slice(thought + '</think>'.length);
  return taggedAnswer(rest) ?? completion.trim();
}

/** The text of the first `<answer>...</answer>`, stripped, or undefined where there is none. Linear in the text. */
export function taggedAnswer(text: string): string | undefined {
  const open = text.indexOf('<answer>');
  if (open < 0) return undefined;
  const close = text.indexOf('</answer>', open + 8);
  return close < 0 ? undefined : text.slice(open + 8, close).trim();
}
