/** `--style`: how a question is put to the model. */
import type { PromptStyle } from '../tasks/prompts.js';
import { UsageError } from './usage.js';

/**
 * The prompt style of a name.
 *
 * @throws UsageError naming those that exist
 */
export function parseStyle(name: string): PromptStyle {
  if (name === 'think' || name === 'direct' || name === 'bare') return name;
  throw new UsageError(`the prompt style must be think, direct or bare, got '${name}'`);
}
