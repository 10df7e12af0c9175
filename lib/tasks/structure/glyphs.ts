/** The digits and x as strokes in a box of 1 x 2 (y down), so that labels are drawn like the figure's lines. */
import type { FigurePoint } from './figure.js';

const GLYPHS: { readonly [character: string]: readonly (readonly FigurePoint[])[] } = {
  '0': [
    [
      [0.25, 0],
      [0.75, 0],
      [1, 0.35],
      [1, 1.65],
      [0.75, 2],
      [0.25, 2],
      [0, 1.65],
      [0, 0.35],
      [0.25, 0],
    ],
  ],
  '1': [
    [
      [0.1, 0.45],
      [0.6, 0],
      [0.6, 2],
    ],
  ],
  '2': [
    [
      [0, 0.4],
      [0.25, 0],
      [0.75, 0],
      [1, 0.4],
      [1, 0.75],
      [0, 2],
      [1, 2],
    ],
  ],
  '3': [
    [
      [0, 0],
      [1, 0],
      [0.45, 0.8],
      [0.8, 0.9],
      [1, 1.3],
      [0.95, 1.7],
      [0.7, 2],
      [0.25, 2],
      [0, 1.75],
    ],
  ],
  '4': [
    [
      [0.7, 0],
      [0, 1.35],
      [1, 1.35],
    ],
    [
      [0.75, 0.7],
      [0.75, 2],
    ],
  ],
  '5': [
    [
      [1, 0],
      [0.08, 0],
      [0, 0.9],
      [0.7, 0.8],
      [1, 1.15],
      [1, 1.65],
      [0.7, 2],
      [0, 1.9],
    ],
  ],
  '6': [
    [
      [0.9, 0],
      [0.4, 0.2],
      [0, 1],
      [0, 1.65],
      [0.25, 2],
      [0.75, 2],
      [1, 1.65],
      [1, 1.25],
      [0.75, 0.95],
      [0.25, 0.95],
      [0, 1.2],
    ],
  ],
  '7': [
    [
      [0, 0],
      [1, 0],
      [0.35, 2],
    ],
  ],
  '8': [
    [
      [0.3, 0.92],
      [0.05, 0.65],
      [0.05, 0.25],
      [0.3, 0],
      [0.7, 0],
      [0.95, 0.25],
      [0.95, 0.65],
      [0.7, 0.92],
      [0.3, 0.92],
      [0, 1.25],
      [0, 1.7],
      [0.3, 2],
      [0.7, 2],
      [1, 1.7],
      [1, 1.25],
      [0.7, 0.92],
    ],
  ],
  '9': [
    [
      [0.1, 2],
      [0.6, 1.8],
      [1, 1],
      [1, 0.35],
      [0.75, 0],
      [0.25, 0],
      [0, 0.35],
      [0, 0.75],
      [0.25, 1.05],
      [0.75, 1.05],
      [1, 0.8],
    ],
  ],
  x: [
    [
      [0, 0.7],
      [1, 2],
    ],
    [
      [1, 0.7],
      [0, 2],
    ],
  ],
};

/**
 * The side of the square cell that a character stands in, as a fraction of the picture's side. Labels keep to a lattice of such cells. At
 * 80 pixels a cell is one patch of the nano model, so that one patch sees a whole digit.
 */
export const CELL = 0.1;
/** The box that a glyph fills of its cell, as a fraction of the picture's side. */
const GLYPH_WIDTH = 0.0625;
const GLYPH_HEIGHT = 0.0875;

/** Half the width of a label, as a fraction of the picture's width. */
export function halfWidth(text: string): number {
  return (text.length * CELL) / 2;
}

/** The place nearest to a point where a label fills whole cells. */
export function toLattice(text: string, [x, y]: FigurePoint): FigurePoint {
  const half = halfWidth(text);
  const nearest = (v: number) => Math.round(v / CELL) * CELL;
  return [nearest(x - half) + half, nearest(y - CELL / 2) + CELL / 2];
}

/** A label's strokes in the unit square, around its middle. */
export function glyphStrokes(text: string, middle: FigurePoint): FigurePoint[][] {
  const left = middle[0] - halfWidth(text) + (CELL - GLYPH_WIDTH) / 2;
  const top = middle[1] - GLYPH_HEIGHT / 2;
  return [...text].flatMap((character, i) => {
    const strokes = GLYPHS[character];
    if (!strokes) throw new Error(`figure: there is no glyph for '${character}' of the label '${text}'`);
    return strokes.map((points) =>
      points.map(([x, y]): FigurePoint => [left + i * CELL + x * GLYPH_WIDTH, top + (y / 2) * GLYPH_HEIGHT]),
    );
  });
}
