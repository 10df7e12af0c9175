import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ablationPoints, intervalBars, paradigmBars, sweepLines } from '../../lib/plots/bars.js';

interface Trace {
  name: string;
  x: (string | number)[];
  y: number[];
  xaxis: string;
  error_y: { array: number[]; arrayminus: number[]; visible: boolean };
  marker: { color: string; pattern: { shape: string }; symbol: string };
}

const near = (actual: readonly number[], expected: readonly number[]) => {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]!) < 1e-9, `${value} is not ${expected[i]}`);
  }
};

test('the arms of an interval reach from the value to its ends, in percent', () => {
  // 0.6 in [0.5, 0.75]: 10 down, 15 up. Without an interval no arm.
  const bars = intervalBars([{ value: 0.6, low: 0.5, high: 0.75 }, { value: 0.4 }]);
  near(bars.array, [15, 0]);
  near(bars.arrayminus, [10, 0]);
  assert.equal(bars.visible, true);
  assert.equal(intervalBars([{ value: 0.4 }]).visible, false);
});

test('paradigm bars: a panel a test set, a bar a source, told apart by pattern too', () => {
  const { data, layout } = paradigmBars([
    { paradigm: 'CoT-SFT', set: 'ID', value: 0.5, low: 0.4, high: 0.6 },
    { paradigm: 'CoT-SFT', set: 'OOD', value: 0.3, low: 0.2, high: 0.4 },
    { paradigm: 'CoT-SFT', set: 'ID', value: 0.855, source: 'paper, 2B' },
    { paradigm: 'CoT-SFT', set: 'OOD', value: 0.465, source: 'paper, 2B' },
  ]);
  const traces = data as unknown as Trace[];
  assert.deepEqual(
    traces.map((t) => [t.name, t.xaxis, t.x]),
    [
      ['this run', 'x', ['CoT-SFT']],
      ['paper, 2B', 'x', ['CoT-SFT']],
      ['this run', 'x2', ['CoT-SFT']],
      ['paper, 2B', 'x2', ['CoT-SFT']],
    ],
  );
  near(
    traces.flatMap((t) => t.y),
    [50, 85.5, 30, 46.5],
  );
  assert.notEqual(traces[0]?.marker.pattern.shape, traces[1]?.marker.pattern.shape);
  assert.deepEqual(
    layout.annotations?.map((a) => a.text),
    ['ID', 'OOD'],
  );
});

test('percents passed where fractions belong are refused, naming the row', () => {
  assert.throws(
    () => paradigmBars([{ paradigm: 'CoT-SFT', set: 'OOD', value: 46.5 }]),
    /accuracy of CoT-SFT on OOD: expected a fraction of 1, got 46\.5/,
  );
});

test('ablation points: a panel an ablation, a marker a test set', () => {
  const { data } = ablationPoints([
    { ablation: 'group size', setting: '4', set: 'ID', value: 0.4 },
    { ablation: 'group size', setting: '8', set: 'ID', value: 0.5 },
    { ablation: 'group size', setting: '4', set: 'OOD', value: 0.2 },
    { ablation: 'reward', setting: 'accuracy', set: 'ID', value: 0.3 },
  ]);
  const traces = data as unknown as Trace[];
  assert.deepEqual(traces[0]?.x, ['4', '8']);
  near(traces[0]?.y ?? [], [40, 50]);
  assert.notEqual(traces[0]?.marker.symbol, traces[1]?.marker.symbol);
  assert.equal(traces[2]?.xaxis, 'x2');
});

test('a sweep is drawn in the order of its number', () => {
  const { data } = sweepLines(
    [
      { x: 1600, series: 'RFT', value: 0.5 },
      { x: 400, series: 'RFT', value: 0.25 },
    ],
    { xTitle: 'rows' },
  );
  const [line] = data as unknown as Trace[];
  assert.deepEqual(line?.x, [400, 1600]);
  assert.deepEqual(line?.y, [25, 50]);
});
