/** The learning curve of a run: its points, the items behind them, and that it chooses nothing, resumed or not. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { GrpoCell } from '../../../lib/study/cells/cell.js';
import { cellFolder } from '../../../lib/study/cells/cell-identity.js';
import { evenPlaces } from '../../../lib/study/cells/learning-curve.js';
import { evaluateCell, openCellRun, runCell } from '../../../lib/study/cells/run-cell.js';
import type { Study } from '../../../lib/study/workspace.js';
import type { StepMetrics } from '../../../lib/train/metrics.js';
import { tinyGrpo, tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
before(async () => {
  ({ study, remove } = await tinyStudy('curve'));
});
after(() => remove());

const curve = { evaluateEvery: 2, items: 4 };

test('items lie evenly over a set, which holds its domains one after the other', () => {
  assert.deepEqual(evenPlaces(8, 4), [0, 2, 4, 6]);
  assert.deepEqual(evenPlaces(10, 4), [0, 2, 5, 7]);
  assert.deepEqual(evenPlaces(3, 4), [0, 1, 2]);
});

test('points at 0, every so many steps and the last, on the items of each test set; no checkpoint is best', async () => {
  const cell: GrpoCell = { ...tinyGrpo(study, 'base', 5), curve };
  const plain = { ...tinyGrpo(study, 'base', 5) };
  const result = await runCell(study, cell);
  assert.equal(result.best, undefined);
  assert.ok(!existsSync(path.join(cellFolder(study, cell), 'best')));
  const run = openCellRun(study, cell);
  const isPoint = (row: StepMetrics) => 'eval_accuracy/id' in row && 'eval_accuracy/ood' in row;
  assert.deepEqual(
    [run.startEvaluation()!, ...run.metrics()].filter(isPoint).map(({ step }) => step),
    [0, 2, 4, 5],
  );
  // The last point, by the evaluation of the trained checkpoint: its items 0, 2, 4 and 6.
  assert.equal(cell.settings.maxNewTokens, 8);
  const short = { ...study, profile: { ...study.profile, completionTokens: 8 } };
  for (const set of ['id', 'ood'] as const) {
    const { items } = await evaluateCell(short, cell, set, 'think');
    const scores = [0, 2, 4, 6].map((place) => items[place]!.score);
    assert.equal(run.metrics().at(-1)![`eval_accuracy/${set}`], scores.reduce((sum, score) => sum + score) / 4);
  }
  // It only measures: without it the same is learned.
  await runCell(study, plain);
  const learned = (of: GrpoCell) =>
    openCellRun(study, of)
      .metrics()
      .map(({ loss, reward, grad_norm }) => [loss, reward, grad_norm]);
  assert.deepEqual(learned(cell), learned(plain));
});

test('a run that was stopped between two points goes on to the same curve', async () => {
  const whole: GrpoCell = { ...tinyGrpo(study, 'base', 5), curve };
  const { study: other, remove: removeOther } = await tinyStudy('curve-resumed');
  try {
    const resumed = { ...other, base: study.base };
    const controller = new AbortController();
    const onStep = (done: number) => {
      if (done === 3) controller.abort();
    };
    await assert.rejects(runCell(resumed, whole, { signal: controller.signal, onStep }), { name: 'TrainingStopped' });
    await runCell(resumed, whole);
    const text = (of: Study, file: string) => readFileSync(path.join(cellFolder(of, whole), file), 'utf8');
    for (const file of ['metrics.jsonl', 'start-evaluation.json'])
      assert.equal(text(resumed, file), text(study, file), file);
  } finally {
    removeOther();
  }
});

test('a cell with a curve is another cell; a slip in it, one that is impossible, and a validation beside it are refused', async () => {
  const cell: GrpoCell = { ...tinyGrpo(study, 'base'), curve };
  assert.notEqual(cellFolder(study, cell), cellFolder(study, tinyGrpo(study, 'base')));
  assert.throws(
    () => cellFolder(study, { ...cell, curve: { ...curve, item: 2 } } as never),
    /curve: there is no setting 'item'; did you mean 'items'/,
  );
  await assert.rejects(
    runCell(study, { ...cell, curve: { ...curve, items: 0 } }),
    /curve: items must be a whole number of 1 or more, got 0/,
  );
  const validation = {
    evaluateEvery: 1,
    items: 2,
    samples: 1,
    maxNewTokens: 4,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
  };
  assert.throws(() => cellFolder(study, { ...cell, validation }), /it has a 'curve' and a 'validation'/);
});
