/** Set-up failures: one line that says what is wrong and what to do. */

/** A failure with its remedy; shown without a stack. */
export class SetupFailure extends Error {}

/** Reads a tool's last words for the usual causes; the step's name and the words themselves where none is known. */
export function explainFailure(step: string, words: string): string {
  if (/No space left|ENOSPC|disk quota/i.test(words)) {
    return `${step}: the disk is full; free about 4 GB and run the same again`;
  }
  if (
    /Temporary failure in name resolution|Could not resolve|NewConnectionError|Network is unreachable|ConnectTimeout|Max retries/i.test(
      words,
    )
  ) {
    return `${step}: no network; connect (or point pip at an index that is reachable) and run the same again`;
  }
  if (/No matching distribution found for tensorflow/i.test(words)) {
    return `${step}: there is no TensorFlow for this Python; install Python 3.10 to 3.13 and set PYTHON to its program`;
  }
  if (/ensurepip is not available|No module named venv/i.test(words)) {
    return `${step}: this Python cannot make virtual environments; install its venv package (Debian: apt-get install python3-venv)`;
  }
  const last = words.trim().split('\n').slice(-6).join('\n');
  return `${step} failed; run the same again, and if it fails again look at its last words:\n${last}`;
}
