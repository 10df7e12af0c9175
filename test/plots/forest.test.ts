import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ForestGroup, forestFigure } from '../../lib/plots/forest.js';

interface Trace {
  name?: string;
  mode: string;
  x: number[];
  y: number[];
  xaxis: string;
  error_x?: { visible: boolean; array: number[]; arrayminus: number[] };
  marker?: { symbol: string };
  line?: { dash?: string };
}

const panels = [
  { title: 'ID', axis: 'accuracy' },
  { title: 'OOD', axis: 'accuracy' },
];
const groups: ForestGroup[] = [
  {
    title: 'Group size',
    rows: [
      {
        label: 'G = 4',
        points: [{ panel: 'ID', series: 'ours', value: 0.5, low: 0.25, high: 0.625, seeds: [0.375, 0.625] }],
      },
      { label: 'G = 8', marked: true, points: [{ panel: 'ID', series: 'ours', value: 0.75, low: 0.5, high: 1 }] },
    ],
  },
  { title: 'Loss', rows: [{ label: 'dapo', points: [{ panel: 'OOD', series: 'paper', value: 0.125 }] }] },
];
const { data, layout } = forestFigure(groups, panels, 'Ablations');
const traces = data as unknown as Trace[];

test('headings and rows stand below each other, half a line of air between groups', () => {
  assert.deepEqual(
    layout.annotations!.filter((a) => a.yref === 'y').map(({ text, y }) => [text, y]),
    [
      ['<b>Group size</b>', 0],
      ['G = 4', 1],
      ['<b>G = 8</b>', 2],
      ['<b>Loss</b>', 3.5],
      ['dapo', 4.5],
    ],
  );
  const axis = (layout as Record<string, { range: number[] }>).yaxis2!;
  assert.ok(axis.range[0]! > axis.range[1]!, 'the first line is at the top');
});

test('dots in percent with arms to both ends; a series without intervals is hollow and has none', () => {
  const ours = traces.find((t) => t.name === 'ours')!;
  assert.deepEqual(ours.x, [50, 75]);
  // 0.5 in [0.25, 0.625]: 25 down, 12.5 up; 0.75 in [0.5, 1]: 25 and 25.
  assert.deepEqual(
    [ours.error_x!.arrayminus, ours.error_x!.array],
    [
      [25, 25],
      [12.5, 25],
    ],
  );
  assert.equal(ours.marker!.symbol, 'circle');
  const paper = traces.find((t) => t.name === 'paper')!;
  assert.deepEqual([paper.x, paper.xaxis, paper.error_x!.visible], [[12.5], 'x2', false]);
  assert.equal(paper.marker!.symbol, 'square-open');
});

test('two series on a line stand on either side of it, and the seeds above their dot', () => {
  const ours = traces.find((t) => t.name === 'ours')!;
  const paper = traces.find((t) => t.name === 'paper')!;
  assert.ok(ours.y[0]! < 1 && paper.y[0]! > 4.5, 'the axis runs down');
  const seeds = traces.find((t) => t.name === 'ours, a seed')!;
  assert.deepEqual(seeds.x, [37.5, 62.5]);
  assert.ok(seeds.y.every((y) => y < ours.y[0]!));
});

test('a dotted guide runs through the lines of the marked row’s group, in panels that have its value', () => {
  const guides = traces.filter((t) => t.line?.dash === 'dot');
  assert.deepEqual(
    guides.map(({ x, y, xaxis }) => ({ x, y, xaxis })),
    [{ x: [75, 75], y: [0.5, 2.5], xaxis: 'x' }],
  );
});

test('names are text, not tags; percents in place of fractions are refused, naming the line', () => {
  const point = { panel: 'ID', series: 'ours', value: 0.5 };
  const shown = forestFigure([{ rows: [{ label: '<b>&', points: [point] }] }], panels, 'x');
  assert.equal(shown.layout.annotations![0]!.text, '&lt;b&gt;&amp;');
  assert.throws(
    () => forestFigure([{ rows: [{ label: 'G = 4', points: [{ ...point, value: 46.5 }] }] }], panels, 'x'),
    /G = 4: expected a fraction of 1, got 46\.5/,
  );
});

test('a point of a panel that is not there is refused with its line', () => {
  const stray = [{ rows: [{ label: 'G = 4', points: [{ panel: 'OOD left', series: 'ours', value: 0.5 }] }] }];
  assert.throws(() => forestFigure(stray, panels, 'x'), /G = 4: there is no panel 'OOD left'; there are ID, OOD/);
});
