import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curvesFigure, phenomenonFigure } from '../../../lib/plots/study/phenomena.js';
import { madeUpResults } from '../../support/study-results.js';

const { phenomena } = madeUpResults(['counting', 'structure']);

test('a column a task and a row a metric; each seed faint, the mean over them', () => {
  const dip = phenomena.filter((phenomenon) => phenomenon.phenomenon === 'transient adaptation gap');
  const { data, layout } = phenomenonFigure(dip);
  const traces = data as unknown as { name?: string; x: number[]; xaxis: string; showlegend: boolean }[];
  // Two tasks, two paradigms, three seeds and a mean.
  assert.equal(traces.length, 2 * 2 * (3 + 1));
  assert.deepEqual(
    traces.filter((t) => t.showlegend).map((t) => t.name),
    ['Reason-RFT', 'Reason-RFT-Zero'],
  );
  assert.deepEqual([traces[0]!.x[0], traces[0]!.x.at(-1)], [1, 60]);
  const texts = layout.annotations!.map((a) => a.text);
  assert.deepEqual(texts.slice(0, 2), ['Visual counting', 'Structure perception']);
  assert.match(texts[2]!, /^The paper: accuracy of Reason-RFT-Zero dips .*<br>/);
});

test('a metric that no curve has takes no row', () => {
  const phenomenonNamed = (name: string) => phenomena.find((phenomenon) => phenomenon.phenomenon === name)!;
  const axes = (name: string) =>
    Object.keys(curvesFigure([phenomenonNamed(name)], name).layout).filter((key) => /^xaxis/.test(key));
  assert.equal(axes('transient adaptation gap').length, 1);
  assert.equal(axes('reasoning redundancy').length, 3);
});

test('none to draw is said', () => {
  assert.throws(() => phenomenonFigure([]), /there is none to draw/);
});
