/** How a run stands, in words: each way in which it can end leaves another sentence. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { TrainingStopped } from '../../lib/train/loop.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { runStateText } from '../../lib/train/run-state.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-state-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const log = (run: RunDirectory, step: number) => run.append('metrics.jsonl', [{ step, loss: 1 }]);
/** Starts a run of five steps from its first step on, does some steps, and ends as `end` does. */
async function start(name: string, steps: number, end: (run: RunDirectory) => void = () => {}): Promise<RunDirectory> {
  const run = RunDirectory.open(path.join(folder, name), { name });
  const first = (run.metrics().at(-1)?.step ?? 0) + 1;
  const work = async () => {
    run.recordStart(first, 5, {});
    for (let step = first; step < first + steps; step++) log(run, step);
    end(run);
  };
  await run.whileLocked(work).catch(() => {});
  return run;
}
const stop = (signal?: 'SIGINT' | 'SIGTERM') => (run: RunDirectory) => {
  throw new TrainingStopped(run.metrics().length, 5, run.folder, signal);
};

test('a run says who stopped it, or what failed', async () => {
  const again = '; run the same again to go on from there';
  const states = await Promise.all([
    start('interrupted', 3, stop('SIGINT')),
    start('ended', 3, stop('SIGTERM')),
    start('aborted', 2, stop()),
    start('failed', 1, () => {
      throw new Error('the reward is NaN');
    }),
  ]);
  assert.deepEqual(states.map(runStateText), [
    `stopped after step 3 of 5 by an interrupt${again}`,
    `stopped after step 3 of 5 by SIGTERM${again}`,
    `stopped after step 2 of 5 on request${again}`,
    'failed after step 1 of 5: the reward is NaN',
  ]);
});

test('a run that goes on after an interrupt is not called stopped: it trains, is killed, or finishes', async () => {
  await start('on', 2, stop('SIGINT'));
  let whileTraining = '';
  const run = await start('on', 1, (running) => {
    whileTraining = runStateText(running);
  });
  assert.equal(whileTraining, 'trains: step 3 of 5 is done');
  assert.match(
    runStateText(run),
    /^no process trains it: the last one was killed after step 3 of 5; .* from the beginning$/,
  );
  run.saveCheckpoint(2, (place) => writeFileSync(path.join(place, 'x'), ''));
  assert.match(runStateText(run), /run the same again to go on from its checkpoint of step 2$/);
  await start('on', 2);
  assert.equal(runStateText(run), 'finished after 5 steps');
});

test('work that ends before the log has started says nothing about the start before it', async () => {
  const run = await start('refused', 2, stop('SIGINT'));
  await run
    .whileLocked(async () => {
      throw new Error('no checkpoint to go on from');
    })
    .catch(() => {});
  assert.match(runStateText(run), /^stopped after step 2 of 5 by an interrupt/);
  assert.equal(runStateText(RunDirectory.open(path.join(folder, 'new'), {})), 'has not begun to train');
});
