/** JSON as Python's `json` module writes it: numbers that are not finite stand bare (`NaN`, `Infinity`), which JSON itself does not have. */

/** A text between quotes, or a bare number that is not finite. */
const TEXT_OR_BARE = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;

/**
 * Parses JSON from Python. A number that is not finite becomes null.
 *
 * @throws SyntaxError when the text is no JSON even so
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(TEXT_OR_BARE, (token) => (token.startsWith('"') ? token : 'null')));
  }
}

/** A value as an object of fields; undefined for a list, a text, a number or null. */
export function fieldsOf(value: unknown): { [field: string]: unknown } | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return value as { [field: string]: unknown };
}
