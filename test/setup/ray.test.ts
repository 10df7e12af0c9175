/** Ray on this machine: what is refused before anything is installed, and what the cluster listens on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { SetupFailure } from '../../lib/setup/failure.js';
import { checkRayPath, startRay } from '../../lib/setup/ray.js';

test('a path with a space is refused with words', () => {
  assert.throws(
    () => checkRayPath('/home/a b/kit'),
    (error: Error) => {
      assert.ok(error instanceof SetupFailure);
      assert.match(error.message, /path has a space in it, and this one is '\/home\/a b\/kit'; move the repository/);
      return true;
    },
  );
  checkRayPath('/home/ab/kit');
});

test('the cluster stays on 127.0.0.1, by the variable without which Ray changes the address, and a job may wait for a year', {
  skip: process.platform === 'win32',
}, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-ray-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [program, heard] = [path.join(folder, 'ray'), path.join(folder, 'heard')];
  writeFileSync(
    program,
    `#!/bin/sh\necho "$RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER $RAY_JOB_START_TIMEOUT_SECONDS $@" > '${heard}'\n`,
  );
  chmodSync(program, 0o755);
  await once(startRay(program, { quiet: true }), 'close');
  assert.match(
    readFileSync(heard, 'utf8'),
    /^0 31536000 start --head .*--node-ip-address=127\.0\.0\.1 --dashboard-host=127\.0\.0\.1/,
  );
});
