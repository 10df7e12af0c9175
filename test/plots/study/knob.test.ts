/** The drawings of the knob: where 0 completions stand, which lines there are, and the marks of bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knobCurvesFigure, knobShareFigure } from '../../../lib/plots/study/knob.js';
import { paradigmStyle } from '../../../lib/plots/study/paradigm-style.js';
import type { KnobResults } from '../../../lib/study/results/knob-results.js';
import { madeUpKnob } from '../../support/knob-results.js';

interface Trace {
  xaxis: string;
  mode: string;
  x: number[];
  y: number[];
  legendgroup: string;
  fill?: string;
  line?: { dash?: string };
  marker: { symbol: string[] };
  showlegend?: boolean;
}
const knob = madeUpKnob(['counting', 'transformation']);
const tracesOf = ({ data }: { data: unknown[] }) => data as Trace[];

test('a row a task and a column a base model; 0 completions stand at the left edge, under their name and off the curve', () => {
  const { data, layout } = knobCurvesFigure(knob, 'x');
  const axes = layout as unknown as { [axis: string]: { tickvals: number[]; ticktext: string[]; range: number[] } };
  const places = new Set(tracesOf({ data }).map(({ xaxis }) => xaxis));
  assert.equal(places.size, 2 * 4);
  const { tickvals, ticktext, range } = axes.xaxis!;
  assert.equal(ticktext[0], '0');
  assert.ok(10 ** range[0]! < tickvals[0]! && tickvals[0]! < 256, 'left of the first 256 completions');
  const lines = tracesOf({ data }).filter(
    ({ xaxis, mode, legendgroup, fill }) => xaxis === 'x' && mode === 'lines' && legendgroup === 'reason-rft' && !fill,
  );
  // In domain and out of domain: the way from 0, dotted, then the curve from its first point on.
  assert.deepEqual(
    lines.map(({ x, line }) => [x[0], x.length, line!.dash]),
    [
      [tickvals[0], 2, 'dot'],
      [256, 8, 'solid'],
      [tickvals[0], 2, 'dot'],
      [256, 8, '5px,3px'],
    ],
  );
});

test('out of domain is the mean of the test sets there', () => {
  const curve = knob.curves.find(({ task }) => task === 'transformation')!;
  const apart: KnobResults = {
    ...knob,
    curves: [
      {
        ...curve,
        points: curve.points.map(({ draws, accuracy }) => ({
          draws,
          accuracy: {
            id: accuracy.id!,
            'ood-left': { ...accuracy.id!, mean: 0.25 },
            'ood-right': { ...accuracy.id!, mean: 0.75 },
          },
        })),
      },
    ],
  };
  const dashed = tracesOf(knobCurvesFigure(apart, 'x')).find(
    ({ legendgroup, line }) => legendgroup === curve.paradigm && line?.dash === '5px,3px',
  )!;
  assert.deepEqual(new Set(dashed.y), new Set([50]));
});

test('a bound has a hollow triangle that points to where the true value lies', () => {
  const dots = (drawn: KnobResults, group: string) =>
    tracesOf(knobShareFigure(drawn, 'x')).find(
      ({ xaxis, legendgroup, showlegend }) => xaxis === 'x' && legendgroup === group && showlegend === false,
    )!;
  const { symbol } = dots(knob, 'reason-rft-zero').marker;
  const whole = paradigmStyle('reason-rft-zero').marker;
  // 'never': none worked out, half not reached. '1-in-1000': none worked out, reached.
  assert.deepEqual(symbol, ['triangle-nw-open', 'triangle-left-open', whole, whole]);
  // Zero works with the base model's share, Reason-RFT with stage 1's.
  const share = (model: string) =>
    knob.readings
      .filter((row) => row.task === 'counting' && row.model === model)
      .map(({ workedOut, drawn }) => workedOut / drawn);
  assert.deepEqual(dots(knob, 'reason-rft-zero').x.slice(2), share('base').slice(2));
  assert.deepEqual(dots(knob, 'reason-rft').x, share('stage 1'));
  const atOnce = { ...knob, draws: knob.draws.map((row) => ({ ...row, half: 0 })) };
  assert.deepEqual(dots(atOnce, 'reason-rft').y, [1, 1, 1, 1]);
});
