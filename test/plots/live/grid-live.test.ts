/** A grid under a notebook's cell: its line, and what happens when a cell fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressText, runGridLive } from '../../../lib/plots/live/grid-live.js';
import type { DisplayWriter } from '../../../lib/plots/notebook.js';
import { finishedCell } from '../../../lib/study/cells/run-cell.js';
import { tinySft, tinyStudy } from '../../support/tiny-study.js';

test('the line names the running cells, the time since the start and the time that is left', () => {
  const counts = { done: 1, failed: 0, total: 3, elapsed: 65 };
  const running = [
    { name: 'a', done: 2, steps: 5 },
    { name: 'b', done: 0, steps: 0 },
  ];
  assert.equal(
    progressText({ ...counts, running, left: { seconds: 30, atLeast: true } }),
    '1 min 05 s gone, left: at least 30 s; a: step 2/5; b: measuring',
  );
  assert.equal(
    progressText({ ...counts, running: [], left: { seconds: 0, atLeast: true } }),
    '1 min 05 s gone, left: not known yet',
  );
});

test('cells are trained under one line; those that fail are named in an error at the end', async () => {
  const { study, remove } = await tinyStudy('grid-live');
  const lines: string[] = [];
  const write: DisplayWriter = ({ data }) => void lines.push(String(data['text/plain']));
  try {
    const good = { name: 'good', cell: tinySft(study), evaluations: [] };
    const bad = { name: 'bad', cell: { ...tinySft(study), rows: [0, 4000] as [number, number] }, evaluations: [] };
    await assert.rejects(
      runGridLive(study, [bad, good], write),
      /^Error: a cell failed:\nbad: a cell asks for training rows 0 to 4000.* \(log: .*log\.txt\)$/,
    );
    assert.ok(finishedCell(study, good.cell), 'the others go on');
    assert.equal(lines.at(-1), 'cells 1/2 trained and measured');
    await runGridLive(study, [good], write);
    assert.equal(lines.at(-1), 'cells 1/1 trained and measured');
  } finally {
    remove();
  }
});
