import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricColumn, runningMean, trainingCurves, windowOf } from '../../lib/plots/curves.js';
import type { Figure } from '../../lib/plots/style.js';

test('the bold line is the mean of the steps around each, of fewer at either end', () => {
  assert.deepEqual(runningMean([0, 0, 10, 0, 0], 5), [10 / 3, 2.5, 2, 2.5, 10 / 3]);
  assert.deepEqual(runningMean([3], 5), [3]);
  assert.deepEqual(runningMean([4, 8, 3], 1), [4, 8, 3]);
  assert.deepEqual(runningMean([4, null, 8], 3), [4, null, 8], 'a gap stays one and counts for none');
  assert.throws(() => runningMean([1], 4), /must be an odd whole number, such as 5, got 4/);
});

test('a long run takes means over a twentieth of it', () => {
  // 2 floor(n / 40) + 1, and 5 at least.
  assert.deepEqual([1, 75, 200, 1000].map(windowOf), [5, 5, 11, 51]);
});

test('a metric that is missing, no number or not finite is a gap', () => {
  const rows = [{ kl: 1 }, {}, { kl: Number.NaN }, { kl: 'x' }, { kl: Number.POSITIVE_INFINITY }, { kl: 2 }];
  assert.deepEqual(metricColumn(rows, 'kl'), [1, null, null, null, null, 2]);
});

interface DrawnTrace {
  x: number[];
  y: number[];
  xaxis: string;
  yaxis: string;
  name: string;
  mode: string;
  showlegend: boolean;
  line: { color: string; dash?: string };
}
const tracesOf = ({ data }: Figure) => data as unknown as DrawnTrace[];

test('each metric has its values as points, a mean over them, and both are named in the legend', () => {
  const rows = [
    { step: 1, reward: 0, kl: 0.5 },
    { step: 2, reward: 1, kl: 0.25 },
  ];
  const figure = trainingCurves({ grpo: rows }, ['reward', 'kl'], { total: 10, window: 3 });
  const traces = tracesOf(figure);
  assert.deepEqual(
    traces.slice(0, 4).map(({ xaxis, yaxis, mode }) => [xaxis, yaxis, mode]),
    [
      ['x', 'y', 'lines+markers'],
      ['x', 'y', 'lines'],
      ['x2', 'y2', 'lines+markers'],
      ['x2', 'y2', 'lines'],
    ],
  );
  assert.deepEqual(traces[0]?.y, [0, 1]);
  assert.deepEqual(traces[1]?.y, [0.5, 0.5]);
  assert.deepEqual(traces[1]?.x, [1, 2]);
  assert.deepEqual(figure.layout.xaxis?.range, [0, 10.2]);
  assert.deepEqual(
    traces.filter(({ showlegend }) => showlegend).map(({ name }) => name),
    ['each step', 'mean of 3 steps'],
    'the titles already say what a single run shows',
  );
});

test('a spike is drawn at its height, whatever the mean makes of it', () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({ step: i + 1, kl: i === 9 ? 1.31 : 0.11 }));
  const [raw, mean] = tracesOf(trainingCurves({ grpo: rows }, ['kl']));
  assert.equal(raw?.y[9], 1.31);
  assert.match(raw!.mode, /markers/);
  // (4 x 0.11 + 1.31) / 5, at the spike and not after it.
  assert.equal(Math.max(...mean!.y), 0.35);
  assert.deepEqual(
    mean!.y.flatMap((value, i) => (value > 0.2 ? [i + 1] : [])),
    [8, 9, 10, 11, 12],
  );
});

test('several runs differ in colour and dash, and each stands in the legend once', () => {
  const rows = [{ step: 1, reward: 0, kl: 0 }];
  const legend = tracesOf(trainingCurves({ RFT: rows, Zero: rows }, ['reward', 'kl'])).filter((t) => t.showlegend);
  assert.deepEqual(
    legend.map((t) => t.name),
    ['RFT', 'Zero', 'each step', 'mean of 5 steps'],
  );
  assert.notEqual(legend[0]?.line.color, legend[1]?.line.color);
  assert.notEqual(legend[0]?.line.dash, legend[1]?.line.dash);
});

test('of several runs each metric has a chart of its own: in one, nothing would say which curve is which', () => {
  const runs = {
    RFT: [{ step: 1, eval_accuracy: 0.5, 'eval_pass@4': 0.9 }],
    Zero: [{ step: 1, eval_accuracy: 0.4, 'eval_pass@4': 0.8 }],
  };
  const panel = { title: 'held out: accuracy', keys: ['eval_accuracy', 'eval_pass@4'] };
  const figure = trainingCurves(runs, [panel], { columns: 2 });
  const titles = figure.layout.annotations!.map(({ text }) => text);
  assert.deepEqual(titles, ['held out: accuracy', 'eval_pass@4']);
  const alone = trainingCurves({ RFT: runs.RFT }, [panel]);
  assert.deepEqual(
    alone.layout.annotations!.map(({ text }) => text),
    ['held out: accuracy'],
  );
  assert.deepEqual(
    tracesOf(alone)
      .filter((trace) => trace.showlegend)
      .map(({ name }) => name),
    ['eval_accuracy', 'eval_pass@4'],
  );
});

test('held-out points are drawn where they are, and nothing else is drawn of them', () => {
  const accuracies = [0.515, 0.735, 0.79, 0.775];
  const sparse = Array.from({ length: 8 }, (_, i) => ({
    ...{ step: i + 1, reward: 0 },
    ...(i % 2 === 1 ? { eval_accuracy: accuracies[(i - 1) / 2]! } : {}),
  }));
  const afterEach = accuracies.map((eval_accuracy, i) => ({ step: i + 1, eval_accuracy }));
  for (const [rows, steps] of [
    [sparse, [2, 4, 6, 8]],
    [afterEach, [1, 2, 3, 4]],
  ] as const) {
    const traces = tracesOf(trainingCurves({ grpo: rows }, ['eval_accuracy']));
    assert.deepEqual(
      traces.map(({ x, y, mode }) => ({ x, y, mode })),
      [{ x: steps, y: accuracies, mode: 'lines+markers' }],
    );
  }
});

test('a panel of which nothing is logged says so', () => {
  const titles = (step: number) =>
    trainingCurves({ grpo: [{ step, reward: 1 }] }, ['reward', 'kl'], { total: 2 }).layout.annotations!.map(
      ({ text }) => text,
    );
  assert.deepEqual(titles(1), ['reward', 'kl (not logged yet)']);
  assert.deepEqual(titles(2), ['reward', 'kl (not logged)']);
});

test('a metric that no row of a finished run has is refused by name; a run under way may log it later', () => {
  const draw = (total?: number) => trainingCurves({ grpo: [{ step: 1, reward: 1 }] }, ['reward', 'rewrd'], { total });
  assert.throws(() => draw(), /panel 'rewrd': no row has 'rewrd'; they have step, reward/);
  draw(10);
});
