/** What is said when a disk is full or a place cannot be written to. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { appendToFile, diskFailure, makeFolder } from '../../lib/engine/disk.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-disk-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a failure of the disk names the place and the remedy', () => {
  const failure = (code: string) => diskFailure('cannot write x', Object.assign(new Error(`${code}: bare`), { code }));
  for (const [code, message] of [
    ['ENOSPC', 'cannot write x: the disk is full; free some space and run the same again'],
    ['EROFS', 'cannot write x: no permission to write there; choose another folder'],
    ['EACCES', 'cannot write x: no permission to write there; choose another folder'],
    ['EIO', 'cannot write x: EIO: bare'],
  ] as const)
    assert.equal(failure(code).message, message);
  // So a mount that is read-only answers.
  const unmade = diskFailure('no x', Object.assign(new Error('bare'), { code: 'ENOENT', syscall: 'mkdir' }));
  assert.equal(unmade.message, 'no x: no folder can be made there; choose another folder (bare)');
});

test('lines are added to a file, and a full disk is named', { skip: !existsSync('/dev/full') }, () => {
  const file = path.join(folder, 'log');
  appendToFile(file, 'a\n');
  appendToFile(file, 'b\n');
  assert.equal(readFileSync(file, 'utf8'), 'a\nb\n');
  assert.throws(
    () => appendToFile('/dev/full', 'a\n'),
    /^Error: cannot add to \/dev\/full: the disk is full; free some/,
  );
});

test('a folder that cannot be made is named', () => {
  writeFileSync(path.join(folder, 'file'), '');
  const below = path.join(folder, 'file', 'run');
  assert.throws(
    () => makeFolder(below),
    /cannot make the folder .*file.run: a part of the path is a file; choose another/,
  );
});
