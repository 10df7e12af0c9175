/** What set-up asks of the machine: a Python in range, the right TensorFlow, pinned packages. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { TENSORFLOW } from '../../lib/setup/binding.js';
import { REQUIREMENTS } from '../../lib/setup/layout.js';
import { findPython } from '../../lib/setup/python.js';
import { missingSteps, setUp, tensorflowRequirement } from '../../lib/setup/steps.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-setup-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that says what a Python of some version would, and ends as asked. */
function python(name: string, version: string, exitCode: number): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\necho ${version}\nexit ${exitCode}\n`);
  chmodSync(file, 0o755);
  return file;
}

test('every package of the virtual environment is pinned to one version', () => {
  for (const line of readFileSync(REQUIREMENTS, 'utf8').trim().split('\n')) {
    assert.match(line, /^[a-z]+==\d+(\.\d+)+$/);
  }
});

test('TensorFlow comes with CUDA only where there is a GPU', () => {
  assert.equal(tensorflowRequirement(true), `tensorflow[and-cuda]==${TENSORFLOW}`);
  if (process.platform === 'linux') assert.equal(tensorflowRequirement(false), `tensorflow-cpu==${TENSORFLOW}`);
});

test('a Python of 3.10 to 3.13 with venv is taken', { skip: process.platform === 'win32' }, () => {
  for (const version of ['3.10', '3.13']) {
    const program = python(`python-${version}`, version, 0);
    assert.deepEqual(findPython(program), { program, args: [] });
  }
});

test('a Python that is too old, too new, without venv or not there is refused by name', {
  skip: process.platform === 'win32',
}, () => {
  const lacks = (asked: string) => {
    const python = findPython(asked);
    return 'lacks' in python ? python.lacks : 'taken';
  };
  assert.match(lacks(python('old', '3.9', 0)), /old is 3\.9\); install one/);
  assert.match(lacks(python('new', '3.14', 0)), /new is 3\.14\)/);
  assert.match(lacks(python('two', '2.7', 1)), /two is 2\.7\)/);
  assert.match(lacks(python('bare', '3.12', 1)), /bare is 3\.12 without venv\); .*python3-venv/);
  assert.match(lacks(path.join(folder, 'nowhere')), /PYTHON=.*nowhere does not run/);
});

test('once set up nothing is missing, and set-up passes over every step within 3 s', async () => {
  assert.deepEqual(missingSteps(), []);
  const started = performance.now();
  await setUp({ wasm: false });
  assert.ok(performance.now() - started < 3000);
});
