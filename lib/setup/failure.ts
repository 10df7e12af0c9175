/** Turns a failure of set-up into one line that says what is wrong and what to do. */

/** A failure with its remedy; shown without a stack. */
export class SetupFailure extends Error {
  constructor(
    message: string,
    /** The exit code of the process; 130 after an interrupt, as in shells. */
    readonly exitCode = 1,
  ) {
    super(message);
    this.name = 'SetupFailure';
  }
}

/** The usual causes, by the words that tools report them with. The first that matches counts. */
const CAUSES: readonly { words: RegExp; remedy: string }[] = [
  {
    words: /No space left|ENOSPC|disk quota/i,
    remedy: 'the disk is full; free about 4 GB and run the same again',
  },
  {
    words:
      /name resolution|Could not resolve|getaddrinfo|NewConnectionError|Network is unreachable|ConnectTimeout|ReadTimeout|Max retries/i,
    remedy: 'no network; connect (or point pip at an index that is reachable) and run the same again',
  },
  {
    words: /CERTIFICATE_VERIFY_FAILED|SSLError/,
    remedy:
      "the package index's certificate is not trusted; set PIP_CERT to your network's certificate file and run the same again",
  },
  {
    words: /No matching distribution found for tensorflow/i,
    remedy:
      'there is no TensorFlow for this Python and machine; set PYTHON to a 64-bit Python 3.10 to 3.13, or accept the slow fallback: npm start -- --wasm',
  },
  {
    words: /ensurepip|No module named '?(venv|pip)/i,
    remedy:
      'this Python cannot make virtual environments; install its venv package (Debian: apt-get install python3-venv) and run the same again',
  },
  {
    words: /Killed signal|Cannot allocate memory|MemoryError/i,
    remedy: 'memory ran out; close other programs (about 2 GB are needed) and run the same again',
  },
  {
    words: /cannot find -lstdc\+\+|fatal error: '?(string|vector|memory|map|iostream|cstd\w+|stdlib\.h|stdio\.h)'?/,
    remedy:
      'the C++ compiler lacks its standard library; install it (Debian: apt-get install g++; macOS: xcode-select --install)',
  },
  {
    words: /EACCES|Permission denied/i,
    remedy: 'this folder may not be written to; make it yours, or clone the repository to a folder that is',
  },
];

/** One line that says how to mend a tool's failure. If the cause is not a usual one: the step and the tool's last lines. */
export function explainFailure(step: string, output: string): string {
  const cause = CAUSES.find((usual) => usual.words.test(output));
  if (cause) return `${step}: ${cause.remedy}`;
  const last = output.trim().split('\n').slice(-6).join('\n');
  return `${step} failed; run the same again, and if it fails again look at its last words:\n${last}`;
}
