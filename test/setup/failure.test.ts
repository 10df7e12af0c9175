/** Failures of tools, as they word them, become one line with the remedy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainFailure } from '../../lib/setup/failure.js';

const SAID: [string, string, RegExp][] = [
  [
    'pip without a network',
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'\nERROR: No matching distribution found for tensorflow-cpu==2.21.0",
    /^step: no network; connect/,
  ],
  [
    'a Python that TensorFlow has no wheel for',
    'ERROR: Could not find a version that satisfies the requirement tensorflow-cpu==2.21.0 (from versions: none)\nERROR: No matching distribution found for tensorflow-cpu==2.21.0',
    /^step: there is no TensorFlow for this Python .*--wasm/,
  ],
  [
    'a full disk',
    'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
    /disk is full/,
  ],
  [
    'Debian without python3-venv',
    'The virtual environment was not created successfully because ensurepip is not\navailable.',
    /apt-get install python3-venv/,
  ],
  ['a compiler killed for memory', 'g++: fatal error: Killed signal terminated program cc1plus', /memory ran out/],
  [
    'a compiler without its library',
    'tfjs_backend.cc:18:10: fatal error: string: No such file or directory',
    /lacks its standard library/,
  ],
  [
    'a folder of somebody else',
    "PermissionError: [Errno 13] Permission denied: '/srv/kit/.venv'",
    /may not be written to/,
  ],
];

for (const [cause, words, remedy] of SAID) {
  test(`${cause}: one line with the remedy`, () => {
    const line = explainFailure('step', words);
    assert.match(line, remedy);
    assert.ok(!line.includes('\n'), line);
  });
}

test('an unknown failure keeps the last six lines of what the tool said', () => {
  const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].join('\n');
  const text = explainFailure('building', words);
  assert.match(text, /^building failed; run the same again/);
  assert.equal(text.split('\n').slice(1).join(' '), 'two three four five six seven');
});
