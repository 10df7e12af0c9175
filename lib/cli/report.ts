/** Where results go: one JSON object with `--json`, else readable lines. */
export function report(json: boolean | undefined, result: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}
