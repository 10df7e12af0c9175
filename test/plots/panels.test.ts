import assert from 'node:assert/strict';
import { test } from 'node:test';
import { panelGrid } from '../../lib/plots/panels.js';

test('three panels on two columns fill the figure by rows from the upper left', () => {
  // Gaps 0.2: width (1 - 0.2) / 2 = 0.4, height the same.
  const places = panelGrid(3, 2, 0.2, 0.2);
  const expected = [
    ['x', 'y', 0, 0.4, 0.6, 1],
    ['x2', 'y2', 0.6, 1, 0.6, 1],
    ['x3', 'y3', 0, 0.4, 0, 0.4],
  ];
  places.forEach((place, i) => {
    const [xaxis, yaxis, ...ends] = expected[i]!;
    assert.deepEqual([place.xaxis, place.yaxis], [xaxis, yaxis]);
    for (const [k, value] of [...place.x, ...place.y].entries()) {
      assert.ok(Math.abs(value - (ends[k] as number)) < 1e-12);
    }
  });
});
