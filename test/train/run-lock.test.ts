/** The lock of a run's folder within one process. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { lockFolder } from '../../lib/train/run-lock.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-lock-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('work in one folder under two spellings follows one another', async () => {
  const place = path.join(folder, 'run');
  const spellings = [place, path.relative(process.cwd(), place), `${place}/`];
  const events: number[] = [];
  await Promise.all(
    spellings.map((spelling, i) =>
      lockFolder(spelling, async () => {
        events.push(i);
        assert.ok(existsSync(path.join(place, '.lock')));
        await new Promise((resolve) => setTimeout(resolve, 5));
        events.push(i);
      }),
    ),
  );
  // Each begins after the one before it has ended.
  assert.deepEqual(events, [0, 0, 1, 1, 2, 2]);
});
