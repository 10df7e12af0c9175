import assert from 'node:assert/strict';
import { test } from 'node:test';
import { efficiencyFigure, rowsText } from '../../../lib/plots/study/efficiency.js';
import type { EfficiencyPoint } from '../../../lib/study/results/results.js';
import { madeUpResults } from '../../support/study-results.js';

interface Trace {
  name?: string;
  mode: string;
  x: number[];
  y: number[];
  customdata?: number[];
  error_y?: { array: number[]; arrayminus: number[] };
}

const results = madeUpResults(['counting']);
const figure = efficiencyFigure(
  results.efficiency,
  results.paradigms.filter((result) => result.paradigm === 'zero-shot'),
  ['id', 'ood'],
  'Counting',
  { rows: 640, name: '5 %' },
);
const traces = figure.data as unknown as Trace[];

test('rows in few characters', () => {
  assert.deepEqual([320, 999, 1000, 1600, 12800, 6400].map(rowsText), ['320', '999', '1k', '1.6k', '12.8k', '6.4k']);
});

test('a line a paradigm and panel, through its sizes in rising order, side by side within 7 %', () => {
  const lines = traces.filter((t) => t.mode === 'lines+markers');
  assert.deepEqual([...new Set(lines.map((t) => t.name))], ['ANS-SFT', 'CoT-SFT', 'Reason-RFT-Zero', 'Reason-RFT']);
  assert.equal(lines.length, 8);
  const sizes = [400, 800, 1600, 3200, 6400, 12800];
  for (const { x, customdata } of lines) {
    assert.deepEqual(customdata, sizes);
    for (const [i, at] of x.entries()) assert.ok(Math.abs(at / sizes[i]! - 1) < 0.07, `${at} is drawn for ${sizes[i]}`);
  }
  assert.equal(new Set(lines.slice(0, 4).map((t) => t.x[0])).size, 4);
});

test('values and arms are the estimate’s, in percent', () => {
  const point = results.efficiency.find((p) => p.paradigm === 'ans-sft' && p.testSet === 'ood' && p.rows === 400)!;
  const line = traces.filter((t) => t.name === 'ANS-SFT')[1]!;
  assert.equal(line.y[0], 100 * point.accuracy.mean);
  assert.equal(line.error_y!.array[0], 100 * (point.accuracy.interval[1] - point.accuracy.mean));
});

test('the zero-shot level crosses each panel over its interval, and 5 % is marked by its logarithm', () => {
  const level = results.paradigms.find((p) => p.paradigm === 'zero-shot' && p.testSet === 'id')!.accuracy;
  const [band, line] = traces as [Trace, Trace];
  assert.deepEqual(line.y, [100 * level.mean, 100 * level.mean]);
  assert.deepEqual(
    [Math.min(...band.y), Math.max(...band.y)],
    level.interval.map((share) => 100 * share),
  );
  const marks = figure.layout.annotations!.filter((a) => a.text === '5 %');
  assert.deepEqual(
    marks.map((a) => [a.x, a.xref]),
    [
      [Math.log10(640), 'x'],
      [Math.log10(640), 'x2'],
    ],
  );
});

test('every interval is inside the vertical axis', () => {
  const points: EfficiencyPoint[] = results.efficiency.map((p) => ({
    ...p,
    accuracy: { ...p.accuracy, interval: [0, 0.97] },
  }));
  const { layout } = efficiencyFigure(points, [], ['id'], 'x');
  assert.deepEqual(layout.yaxis!.range, [0, 100]);
});

test('sizes too near to one another to be written out keep their tick, the larger its name', () => {
  const [first] = results.efficiency;
  const points = [1600, 3000, 3200, 51_200].map((rows): EfficiencyPoint => ({ ...first!, rows }));
  const { xaxis } = efficiencyFigure(points, [], ['id', 'ood'], 'x').layout;
  assert.deepEqual(xaxis!.tickvals, [1600, 3000, 3200, 51_200]);
  assert.deepEqual(xaxis!.ticktext, ['1.6k', '', '3.2k', '51.2k']);
});
