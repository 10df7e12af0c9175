/** A run that trains elsewhere is followed by its files. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { attachLive } from '../../../lib/plots/live/attach-live.js';
import type { DisplayMessage } from '../../../lib/plots/notebook.js';
import { TrainingStopped } from '../../../lib/train/loop.js';
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
  assert.deepEqual(texts.slice(-2), ['mine 4/4  reward 0.40', 'the run finished after 4 steps']);
});

test('the last line says who stopped the run, and that the run trains on where the watching was interrupted', async () => {
  const place = path.join(folder, 'stopped');
  const texts: string[] = [];
  const write = ({ data }: DisplayMessage) => void texts.push(String(data['text/plain']));
  const run = RunDirectory.open(place, {});
  const stopped = run.whileLocked(async () => {
    run.recordStart(1, 4, {});
    run.append('metrics.jsonl', [{ step: 1, reward: 0.1 }]);
    const controller = new AbortController();
    // A poll of a minute: the end of the watching does not wait for it.
    const watching = attachLive(place, { poll: 60_000, signal: controller.signal }, write);
    controller.abort();
    await watching;
    assert.equal(texts.at(-1), 'this cell watches no longer, and the run trains: step 1 of 4 is done');
    process.once('SIGINT', () => {});
    const interrupted = attachLive(place, { poll: 60_000 }, write);
    process.emit('SIGINT');
    await interrupted;
    assert.equal(texts.at(-1), 'this cell watches no longer, and the run trains: step 1 of 4 is done');
    throw new TrainingStopped(1, 4, place, 'SIGINT');
  });
  await assert.rejects(stopped, TrainingStopped);
  await attachLive(place, {}, write);
  assert.deepEqual(texts.slice(-2), [
    'stopped 1/4  reward 0.10',
    'the run stopped after step 1 of 4 by an interrupt; run the same again to go on from there',
  ]);
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
