/** The answer in a completion as the released code finds it. */
import { taggedAnswer } from '../extract-answer.js';

/** The text of the first `<answer>...</answer>`, stripped, the thinking included; without such a pair the whole completion, stripped. */
export function extractReleasedAnswer(completion: string): string {
  return taggedAnswer(completion) ?? completion.trim();
}
