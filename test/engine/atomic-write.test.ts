/** Files and folders are written whole or not at all. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { streamFileAtomic, writeFileAtomic, writeFolderAtomic } from '../../lib/engine/atomic-write.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'atomic-'));
after(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string) => path.join(folder, name);

test('text, bytes and pieces are written, folders made, old content replaced', () => {
  const file = inFolder('new/folder/a');
  writeFileAtomic(file, 'täxt');
  assert.equal(readFileSync(file, 'utf8'), 'täxt');
  writeFileAtomic(file, Uint8Array.of(1, 2, 255));
  assert.deepEqual([...readFileSync(file)], [1, 2, 255]);
  writeFileAtomic(file, (write) => {
    write('a');
    write(Uint8Array.of(98));
  });
  assert.equal(readFileSync(file, 'utf8'), 'ab');
  assert.deepEqual(readdirSync(inFolder('new/folder')), ['a']);
});

test('a failure half-way leaves the old file and no other, and names the file', () => {
  mkdirSync(inFolder('half'));
  const file = inFolder('half/a');
  writeFileSync(file, 'old');
  const fail = () =>
    writeFileAtomic(file, (write) => {
      write('new, but only ');
      throw new Error('the reason');
    });
  assert.throws(fail, /cannot write .*a: the reason/);
  assert.equal(readFileSync(file, 'utf8'), 'old');
  assert.deepEqual(readdirSync(inFolder('half')), ['a']);
});

test('pieces that come in time are written the same way', async () => {
  mkdirSync(inFolder('streamed'));
  const file = inFolder('streamed/a');
  await streamFileAtomic(file, async (write) => {
    write('new, ');
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(!readdirSync(inFolder('streamed')).includes('a'));
    write('whole');
  });
  const failing = streamFileAtomic(file, async (write) => {
    write('half');
    throw new Error('the reason');
  });
  await assert.rejects(failing, /cannot write .*a: the reason/);
  assert.equal(readFileSync(file, 'utf8'), 'new, whole');
  assert.deepEqual(readdirSync(inFolder('streamed')), ['a']);
});

test('a disk that takes no more leaves the old file and no other', { skip: process.platform === 'win32' }, () => {
  mkdirSync(inFolder('full'));
  const file = inFolder('full/a');
  writeFileSync(file, 'old');
  // The shell lets the child write 8 blocks of 512 or 1,024 bytes to a file; the write of 1 MB fails with EFBIG part-way.
  const script = `require('./lib/engine/atomic-write.ts').writeFileAtomic(${JSON.stringify(file)}, 'x'.repeat(1e6))`;
  const child = spawnSync('sh', ['-c', 'ulimit -f 8; exec "$0" --import tsx -e "$1"', process.execPath, script], {
    encoding: 'utf8',
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
  });
  assert.match(child.stderr, /cannot write .*a: EFBIG/);
  assert.equal(readFileSync(file, 'utf8'), 'old');
  assert.deepEqual(readdirSync(inFolder('full')), ['a']);
});

test('the error on a full disk says what to do', () => {
  const fail = () =>
    writeFileAtomic(inFolder('b'), () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    });
  assert.throws(fail, /cannot write .*b: the disk is full; free some space/);
});

test('two who write the same folder leave that of the later one, whole, and nothing beside it', () => {
  const target = inFolder('twice/folder');
  writeFolderAtomic(target, (outer) => {
    writeFileSync(path.join(outer, 'outer'), '');
    writeFolderAtomic(target, (inner) => writeFileSync(path.join(inner, 'inner'), ''));
    writeFileSync(path.join(outer, 'second'), '');
  });
  assert.deepEqual(readdirSync(target).sort(), ['outer', 'second']);
  assert.deepEqual(readdirSync(inFolder('twice')), ['folder']);
});
