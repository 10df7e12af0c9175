/** Ray on this machine: what is refused before anything is installed, and what the cluster listens on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SetupFailure } from '../../lib/setup/failure.js';
import { checkRayPath } from '../../lib/setup/ray.js';

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
