/** Training under a live plot with one's own call of a trainer. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { type LiveControl, runTrial, trainLive } from '../../../lib/plots/live/train-live.js';
import type { DisplayMessage } from '../../../lib/plots/notebook.js';
import { TrainingStopped } from '../../../lib/train/loop.js';
import { RunDirectory } from '../../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-train-live-'));
after(async () => {
  await closeFigureBrowser();
  rmSync(folder, { recursive: true, force: true });
});

/** The texts of a display's outputs, as a viewer without pictures shows them. */
function display() {
  const texts: string[] = [];
  return { texts, write: ({ data }: DisplayMessage) => void texts.push(String(data['text/plain'])) };
}

/** A trainer that logs some steps, from where the run was, and says what the loop would say. */
function trainer(steps: number) {
  return async ({ run, onStep, onWarning }: LiveControl) => {
    const done = run.metrics().length;
    if (done === 0) run.recordStart(1, 4, {});
    for (let step = done + 1; step <= done + steps; step++) {
      run.append('metrics.jsonl', [{ step, loss: 1 }]);
      onStep(step, 4, { loss: 1 });
    }
    for (const level of ['note', 'warning'] as const)
      onWarning({ step: 1, level, kind: 'near-zero-loss', message: `a ${level}` });
    return 'trained';
  };
}

test('a run that goes on shows what came before, and what it warns of', async () => {
  const run = RunDirectory.open(path.join(folder, 'mine'), {});
  const first = display();
  assert.equal(await trainLive(run, 4, trainer(2), undefined, first.write), 'trained');
  assert.deepEqual(first.texts.slice(-2), ['step 1, note: a note\nstep 1, warning: a warning', 'mine 2/4  loss 1.00']);
  run.saveCheckpoint(2, () => {});
  const second = display();
  await trainLive(run, 4, trainer(2), 'own name', second.write);
  assert.equal(second.texts[0], 'own name 2/4  loss 1.00');
  assert.equal(second.texts.at(-1), 'own name 4/4  loss 1.00');
});

test('a trial gives its metrics, shows no notes, and leaves no folder', async () => {
  const { texts, write } = display();
  let place = '';
  const metrics = await runTrial(
    'try',
    4,
    (control) => {
      place = control.run.folder;
      return trainer(3)(control);
    },
    write,
  );
  assert.deepEqual(
    metrics,
    [1, 2, 3].map((step) => ({ step, loss: 1 })),
  );
  assert.ok(!existsSync(place));
  assert.deepEqual(texts.slice(-2), ['step 1, warning: a warning', 'try 3/4  loss 1.00']);
});

test('an interrupted trial does not name a checkpoint that is gone', async () => {
  const { write } = display();
  const stop = ({ run }: LiveControl) => Promise.reject(new TrainingStopped(2, 4, run.folder, 'SIGINT'));
  await assert.rejects(runTrial('try', 4, stop, write), (error: Error) => {
    assert.ok(error instanceof TrainingStopped);
    assert.equal(
      error.message,
      'stopped after step 2 of 4; a trial keeps no checkpoint: run the cell again to begin anew',
    );
    return true;
  });
});
