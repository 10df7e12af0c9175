/** Reads a file that the kit wrote as JSON. */
import { readFileSync } from 'node:fs';

/**
 * Reads a whole JSON file.
 *
 * @param remedy what to do if it is damaged, such as `remove the folder, and the same command makes it anew`
 * @throws Error naming a file that is no JSON, or holds null, with the remedy
 */
export function readJsonFile<T extends object>(file: string, remedy: string): T {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(`${file} is damaged (${error.message}): ${remedy}`);
  }
  if (content === null || typeof content !== 'object')
    throw new Error(`${file} is damaged (it holds ${JSON.stringify(content)}): ${remedy}`);
  return content as T;
}
