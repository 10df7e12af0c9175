/** Prints a command's result to stdout, as one JSON object or as lines for a reader. */

/** Prints a result as one JSON object where `--json` asks for it, and as a text otherwise. */
export function printResult(json: boolean | undefined, result: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}
