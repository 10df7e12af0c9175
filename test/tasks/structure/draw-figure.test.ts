import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { drawFigure } from '../../../lib/tasks/structure/draw-figure.js';
import { sampleFigure, structureFamilies } from '../../../lib/tasks/structure/families.js';
import type { GeometryFigure } from '../../../lib/tasks/structure/figure.js';
import { glyphStrokes } from '../../../lib/tasks/structure/glyphs.js';

const LINE: GeometryFigure = {
  style: 'id',
  kind: 'segment',
  strokes: [
    {
      type: 'line',
      points: [
        [0.1, 0.5],
        [0.9, 0.5],
      ],
    },
  ],
  labels: [],
  grain: 3,
};
const darkness = ({ data }: { data: Uint8Array }, size: number, x: number, y: number) =>
  255 - data[(Math.floor(y * size) * size + Math.floor(x * size)) * 3]!;

test('figure: a line is ink along its points, and paper above, below and beyond its ends', () => {
  for (const size of [64, 96]) {
    const image = drawFigure(LINE, size);
    assert.deepEqual([image.width, image.height, image.data.length], [size, size, size * size * 3]);
    for (const x of [0.12, 0.5, 0.88]) assert.ok(darkness(image, size, x, 0.5) > 100);
    for (const [x, y] of [
      [0.5, 0.4],
      [0.5, 0.6],
      [0.03, 0.5],
      [0.97, 0.5],
    ] as const) {
      assert.ok(darkness(image, size, x, y) < 15);
    }
  }
});

test('figure: a label lies in a gap of the line', () => {
  const image = drawFigure({ ...LINE, labels: [{ text: '1', at: [0.5, 0.5] }] });
  // The label's cell reaches 0.05 to each side; the digit's own stroke is near its middle.
  assert.ok(darkness(image, 80, 0.46, 0.5) < 15);
  assert.ok(darkness(image, 80, 0.43, 0.5) > 100);
});

test('figure: every digit is drawn differently, and an unknown character is refused', () => {
  const images = [...'0123456789x'].map((text) =>
    Buffer.from(drawFigure({ ...LINE, strokes: [], labels: [{ text, at: [0.5, 0.5] }] }).data),
  );
  for (const [i, a] of images.entries()) {
    for (const b of images.slice(i + 1)) {
      const differing = a.filter((value, p) => Math.abs(value - b[p]!) > 100).length / 3;
      assert.ok(differing >= 4, `${'0123456789x'[i]} differs in ${differing} pixels only`);
    }
  }
  assert.throws(() => glyphStrokes('?', [0.5, 0.5]), /no glyph for '\?'/);
});

test('figure: the same figure gives the same image, at either size, of every family', () => {
  for (const family of [...structureFamilies('id'), ...structureFamilies('ood')]) {
    const [a, b] = [sampleFigure(family, new Random(1)), sampleFigure(family, new Random(1))];
    assert.deepEqual(a, b);
    for (const size of [64, 96]) assert.deepEqual(drawFigure(a.figure, size).data, drawFigure(b.figure, size).data);
  }
});
