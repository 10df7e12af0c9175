import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricColumn, smoothCurve, trainingCurves } from '../../lib/plots/curves.js';

test('smoothing is the weighted mean of the past: weights 1, w, w^2', () => {
  // w = 0.5: 4; (0.5*4 + 8) / 1.5; (0.25*4 + 0.5*8 + 2) / 1.75.
  assert.deepEqual(smoothCurve([4, 8, 2], 0.5), [4, 10 / 1.5, 7 / 1.75]);
});

test('smoothing keeps a constant, and a gap carries no weight', () => {
  assert.deepEqual(smoothCurve([3, null, 3], 0.8), [3, null, 3]);
  assert.deepEqual(smoothCurve([4, null, 8], 0.5), [4, null, 10 / 1.5]);
});

test('smoothing with weight 0 changes nothing; a weight of 1 is refused', () => {
  assert.deepEqual(smoothCurve([1, 5, 2], 0), [1, 5, 2]);
  assert.throws(() => smoothCurve([1], 1), /weight must be in \[0, 1\), got 1/);
});

test('a metric that is missing, no number or not finite is a gap', () => {
  const rows = [{ kl: 1 }, {}, { kl: Number.NaN }, { kl: 'x' }, { kl: Number.POSITIVE_INFINITY }, { kl: 2 }];
  assert.deepEqual(metricColumn(rows, 'kl'), [1, null, null, null, null, 2]);
});

test('each metric has a faint raw and a smoothed line on the axes of its panel', () => {
  const rows = [
    { step: 1, reward: 0, kl: 0.5 },
    { step: 2, reward: 1, kl: 0.25 },
  ];
  const { data, layout } = trainingCurves({ grpo: rows }, ['reward', 'kl'], { total: 10, smoothing: 0.5 });
  const traces = data as { x: number[]; y: number[]; xaxis: string; yaxis: string; showlegend: boolean }[];
  assert.deepEqual(
    traces.map((t) => [t.xaxis, t.yaxis]),
    [
      ['x', 'y'],
      ['x', 'y'],
      ['x2', 'y2'],
      ['x2', 'y2'],
    ],
  );
  assert.deepEqual(traces[0]?.y, [0, 1]);
  // (0.5*0 + 1) / 1.5, to six digits.
  assert.deepEqual(traces[1]?.y, [0, 0.666667]);
  assert.deepEqual(traces[1]?.x, [1, 2]);
  assert.deepEqual(layout.xaxis?.range, [0, 10]);
  assert.ok(
    traces.every((t) => t.showlegend === false),
    'the titles already say what a single run shows',
  );
});

test('several runs differ in colour and dash, and each stands in the legend once', () => {
  const rows = [{ step: 1, reward: 0, kl: 0 }];
  const { data } = trainingCurves({ RFT: rows, Zero: rows }, ['reward', 'kl']);
  const traces = data as { name?: string; showlegend: boolean; line: { color: string; dash?: string } }[];
  const legend = traces.filter((t) => t.showlegend);
  assert.deepEqual(
    legend.map((t) => t.name),
    ['RFT', 'Zero'],
  );
  assert.notEqual(legend[0]?.line.color, legend[1]?.line.color);
  assert.notEqual(legend[0]?.line.dash, legend[1]?.line.dash);
});

test('a metric of some steps alone is a curve with markers through those steps', () => {
  const rows = [
    { step: 1, reward: 0 },
    { step: 2, reward: 1, eval_accuracy: 0.5 },
    { step: 3 },
    { step: 4, eval_accuracy: 1 },
  ];
  const { data } = trainingCurves({ grpo: rows }, ['eval_accuracy'], { smoothing: 0 });
  const [raw, smooth] = data as { x: number[]; y: number[]; mode: string }[];
  assert.deepEqual(
    [raw?.x, raw?.y],
    [
      [2, 4],
      [0.5, 1],
    ],
  );
  assert.equal(smooth?.mode, 'lines+markers');
});

test('a metric that no row of a finished run has is refused by name; a run under way may log it later', () => {
  const draw = (total?: number) => trainingCurves({ grpo: [{ step: 1, reward: 1 }] }, ['reward', 'rewrd'], { total });
  assert.throws(() => draw(), /panel 'rewrd': no row has 'rewrd'; they have step, reward/);
  draw(10);
});
