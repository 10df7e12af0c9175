/** A run that trains elsewhere is followed by its files. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { attachLive } from '../../../lib/plots/live/attach-live.js';
import type { DisplayMessage } from '../../../lib/plots/notebook.js';
import { RunDirectory } from '../../../lib/train/run-directory.js';
import { lockFolder } from '../../../lib/train/run-lock.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-attach-'));
after(async () => {
  await closeFigureBrowser();
  rmSync(folder, { recursive: true, force: true });
});

test('a page that comes back finds the state of the run, and follows it until nobody trains it', async () => {
  const place = path.join(folder, 'mine');
  const texts: string[] = [];
  const write = ({ data }: DisplayMessage) => void texts.push(String(data['text/plain']));
  let watching: Promise<void> | undefined;
  await lockFolder(place, async () => {
    const run = RunDirectory.open(place, {});
    run.recordStart(1, 4, {});
    const log = (step: number) => {
      run.append('metrics.jsonl', [{ step, reward: step / 10 }]);
      run.append('timing.jsonl', [{ step, step_time: step === 1 ? 60 : 2 }]);
    };
    for (const step of [1, 2]) log(step);
    watching = attachLive(place, { poll: 5 }, write);
    const seen = async (text: string) => {
      while (!texts.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await seen('mine 2/4  reward 0.20  4 s left');
    log(3);
    await seen('mine 3/4  reward 0.30  2 s left');
    log(4);
  });
  await watching;
  assert.equal(texts.at(-1), 'mine 4/4  reward 0.40');
});

test('a folder without a run, and a run that has not begun, are named', async () => {
  await assert.rejects(
    attachLive(folder, {}, () => {}),
    /holds no run: it has no run\.json/,
  );
  const run = RunDirectory.open(path.join(folder, 'not begun'), {});
  await assert.rejects(
    attachLive(run, {}, () => {}),
    /not begun holds a run that has not begun to train/,
  );
});
