/** Warns where many completions of an evaluation were cut at the token limit: the accuracy is then one of the limit. */

/** A larger share of completions that were cut is warned of. */
const MOST_CUT = 0.05;

/** @param completions whose they are @param limit where they were cut @param setting what raises the limit */
export function warnOfCut(share: number, completions: string, limit: string, setting: string): void {
  if (share <= MOST_CUT) return;
  process.stderr.write(
    `warning: ${(100 * share).toFixed(1)} % of ${completions} were cut ${limit}, before they came to an end, and are scored as they ` +
      `stand; the accuracy is that of the limit: raise ${setting}\n`,
  );
}
