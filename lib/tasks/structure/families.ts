/** The question families of structure perception. Each draws a figure that is true to its numbers, and says what follows from them. */
import type { Random } from '../../engine/random.js';
import { pointsOf } from './draw-figure.js';
import type { FigureLabel, FigurePoint, FigureStroke, GeometryFigure } from './figure.js';
import { CELL, halfWidth, toLattice } from './glyphs.js';
import type { StructureProgram } from './theorem.js';

/** The domain of a family: `id` stands for GeoMath, `ood` for Geometry3K, whose figures, drawing and phrasing are others. */
export type StructureDomain = 'id' | 'ood';

/** A family: its domain, what it asks for and what its figure is called. */
interface Family {
  domain: StructureDomain;
  asks: string;
  kinds: readonly string[];
}

export const STRUCTURE_FAMILIES = {
  'triangle-angle': { domain: 'id', asks: 'the degree of angle x', kinds: ['triangle'] },
  'line-angle': { domain: 'id', asks: 'the degree of angle x', kinds: ['rays'] },
  'parallel-angle': { domain: 'id', asks: 'the degree of angle x', kinds: ['parallel lines'] },
  'isosceles-angle': { domain: 'id', asks: 'the degree of angle x', kinds: ['isosceles'] },
  'circle-angle': { domain: 'id', asks: 'the degree of angle x', kinds: ['circle'] },
  'rectangle-area': { domain: 'id', asks: 'the area of the rectangle', kinds: ['rectangle'] },
  'segment-length': { domain: 'id', asks: 'the length of x', kinds: ['segment'] },
  'segment-ratio': { domain: 'id', asks: 'the ratio of the parts', kinds: ['parts'] },
  'midline-length': { domain: 'id', asks: 'the length of x', kinds: ['split triangle'] },
  'quadrilateral-angle': { domain: 'ood', asks: 'the measure of x', kinds: ['quadrilateral'] },
  'outside-angle': { domain: 'ood', asks: 'the measure of x', kinds: ['open triangle'] },
  'right-triangle-angle': { domain: 'ood', asks: 'the measure of x', kinds: ['right triangle'] },
  'parallelogram-angle': { domain: 'ood', asks: 'the measure of x', kinds: ['parallelogram'] },
  'point-angle': { domain: 'ood', asks: 'the measure of x', kinds: ['star'] },
  'triangle-area': { domain: 'ood', asks: 'the area', kinds: ['height'] },
  'trapezoid-midline': { domain: 'ood', asks: 'x', kinds: ['trapezoid'] },
  'polygon-perimeter': {
    domain: 'ood',
    asks: 'the perimeter',
    kinds: ['square', 'pentagon', 'hexagon'],
  },
} as const satisfies { [name: string]: Family };

export type StructureFamily = keyof typeof STRUCTURE_FAMILIES;

/** The families of a domain; the two share none. */
export function structureFamilies(domain: StructureDomain): StructureFamily[] {
  return (Object.keys(STRUCTURE_FAMILIES) as StructureFamily[]).filter(
    (family) => STRUCTURE_FAMILIES[family].domain === domain,
  );
}

/** A label while it is placed. */
interface Placed extends FigureLabel {
  /** The label may lie on a line, which then has a gap for it. */
  inGap?: boolean;
}

interface Construction extends StructureProgram {
  kind: string;
  strokes: FigureStroke[];
  labels: Placed[];
}

/** Draws a figure of the family whose labels are legible, and the program of its question, without choices. */
export function sampleFigure(
  family: StructureFamily,
  random: Random,
): { figure: GeometryFigure; program: StructureProgram } {
  for (;;) {
    const made = construct(family, random);
    if (!made) continue;
    for (const label of made.labels) label.at = toLattice(label.text, label.at);
    if (!legible(made)) continue;
    const labels = made.labels.map(({ text, at }): FigureLabel => ({ text, at: [rounded(at[0]), rounded(at[1])] }));
    labels.sort((a, b) => a.at[0] - b.at[0]);
    // When their order does not matter, the numbers stand as they are read, from left to right.
    const read = labels.flatMap(({ text }) => (text === 'x' ? [] : [Number(text)]));
    const givens = ['ratio', 'perimeter'].includes(made.theorem) ? made.givens : read;
    const figure: GeometryFigure = {
      style: STRUCTURE_FAMILIES[family].domain,
      kind: made.kind,
      strokes: made.strokes.map(roundStroke),
      labels,
      grain: random.int(2 ** 31),
    };
    return { figure, program: { theorem: made.theorem, givens } };
  }
}

const rounded = (v: number) => Math.round(v * 1000) / 1000;

function roundStroke(stroke: FigureStroke): FigureStroke {
  const point = ([x, y]: FigurePoint): FigurePoint => [rounded(x), rounded(y)];
  if (stroke.type === 'line') return { ...stroke, points: stroke.points.map(point) };
  const { radius, from, to } = stroke;
  return { ...stroke, center: point(stroke.center), radius: rounded(radius), from: rounded(from), to: rounded(to) };
}

/** Whether all labels lie inside and apart from each other, in a plain order from left to right, and no line runs through one. */
function legible({ labels, strokes }: Construction): boolean {
  const high = CELL / 2;
  const inside = labels.every(({ text, at: [x, y] }) => {
    const half = halfWidth(text);
    return x - half > -0.01 && x + half < 1.01 && y - high > -0.01 && y + high < 1.01;
  });
  if (!inside) return false;
  for (const [i, a] of labels.entries()) {
    for (const b of labels.slice(i + 1)) {
      const across = Math.abs(a.at[0] - b.at[0]);
      if (across < 0.07) return false;
      if (across < halfWidth(a.text) + halfWidth(b.text) + 0.05 && Math.abs(a.at[1] - b.at[1]) < 2 * high + 0.05)
        return false;
    }
  }
  return labels.every(
    ({ text, at: [x, y], inGap }) =>
      inGap ||
      strokes.every((stroke) =>
        alongOf(pointsOf(stroke)).every(
          ([px, py]) => Math.abs(px - x) > halfWidth(text) - 0.01 || Math.abs(py - y) > high - 0.01,
        ),
      ),
  );
}

/** Points along a polyline, at most a hundredth apart. */
function alongOf(points: readonly FigurePoint[]): FigurePoint[] {
  return points.slice(1).flatMap((end, i) => {
    const start = points[i]!;
    const steps = Math.ceil(distance(start, end) * 100) + 1;
    return Array.from({ length: steps + 1 }, (_, s) => between(start, end, s / steps));
  });
}

const distance = (a: FigurePoint, b: FigurePoint) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const between = (a: FigurePoint, b: FigurePoint, t: number): FigurePoint => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
];
/** A point in a direction, in degrees against the clock from the right. */
const polar = ([x, y]: FigurePoint, degrees: number, length: number): FigurePoint => [
  x + length * Math.cos((degrees * Math.PI) / 180),
  y - length * Math.sin((degrees * Math.PI) / 180),
];
const sine = (degrees: number) => Math.sin((degrees * Math.PI) / 180);
const line = (...points: FigurePoint[]): FigureStroke => ({ type: 'line', points });
const thin = (...points: FigurePoint[]): FigureStroke => ({ type: 'line', points, thin: true });

/** Turns, mirrors and scales points to fill the picture but for a margin. */
function fit(points: readonly FigurePoint[], margin: number, turn: number, random: Random): FigurePoint[] {
  const angle = random.between(-turn, turn);
  const mirror = random.chance(0.5) ? -1 : 1;
  const turned = points.map(
    ([x, y]): FigurePoint => [
      mirror * (x * Math.cos(angle) - y * Math.sin(angle)),
      x * Math.sin(angle) + y * Math.cos(angle),
    ],
  );
  const low = [0, 1].map((i) => Math.min(...turned.map((p) => p[i]!)));
  const high = [0, 1].map((i) => Math.max(...turned.map((p) => p[i]!)));
  const scale = (1 - 2 * margin) / Math.max(high[0]! - low[0]!, high[1]! - low[1]!);
  const middle = [0, 1].map((i) => (low[i]! + high[i]!) / 2);
  return turned.map(([x, y]): FigurePoint => [0.5 + (x - middle[0]!) * scale, 0.5 + (y - middle[1]!) * scale]);
}

/** The label of an angle between the rays to two points, and its arc. */
function angleMark(
  vertex: FigurePoint,
  a: FigurePoint,
  b: FigurePoint,
  text: string | number,
): { label: Placed; arc: FigureStroke } {
  const from = Math.atan2(a[1] - vertex[1], a[0] - vertex[0]);
  let sweep = Math.atan2(b[1] - vertex[1], b[0] - vertex[0]) - from;
  if (sweep > Math.PI) sweep -= 2 * Math.PI;
  if (sweep < -Math.PI) sweep += 2 * Math.PI;
  const words = String(text);
  const [cos, sin] = [Math.cos(from + sweep / 2), Math.sin(from + sweep / 2)];
  const [wide, high] = [halfWidth(words), CELL / 2];
  // Far enough for the label's corners to clear both rays, and the arc.
  const reach = (ray: number) => wide * Math.abs(Math.sin(ray)) + high * Math.abs(Math.cos(ray));
  const clear = Math.max(reach(from), reach(from + sweep)) / Math.sin(Math.abs(sweep) / 2);
  const far = Math.max(0.1 + wide * Math.abs(cos) + high * Math.abs(sin), clear);
  return {
    label: { text: words, at: [vertex[0] + cos * far, vertex[1] + sin * far] },
    arc: { type: 'arc', center: vertex, radius: 0.1, from, to: from + sweep, thin: true },
  };
}

/** The label of a side, on the side away from a point. */
function sideLabel(a: FigurePoint, b: FigurePoint, away: FigurePoint, text: string | number): Placed {
  const [mx, my] = between(a, b, 0.5);
  const length = distance(a, b);
  let [nx, ny] = [(b[1] - a[1]) / length, (a[0] - b[0]) / length];
  if (nx * (away[0] - mx) + ny * (away[1] - my) > 0) [nx, ny] = [-nx, -ny];
  const far = 0.03 + Math.abs(nx) * halfWidth(String(text)) + (Math.abs(ny) * CELL) / 2;
  return { text: String(text), at: [mx + nx * far, my + ny * far] };
}

/** A small square in the corner of a right angle. */
function cornerMark(vertex: FigurePoint, a: FigurePoint, b: FigurePoint): FigureStroke {
  const u = between(vertex, a, 0.09 / distance(vertex, a));
  const v = between(vertex, b, 0.09 / distance(vertex, b));
  return thin(u, [u[0] + v[0] - vertex[0], u[1] + v[1] - vertex[1]], v);
}

/** A stroke across the middle of a side, as equal sides carry. */
function tick(a: FigurePoint, b: FigurePoint, fraction = 0.5, size = 0.05): FigureStroke {
  const [x, y] = between(a, b, fraction);
  const length = distance(a, b);
  const [nx, ny] = [((b[1] - a[1]) / length) * size, ((a[0] - b[0]) / length) * size];
  return line([x - nx, y - ny], [x + nx, y + ny]);
}

/** The corners of a triangle with base angles a and b; the third corner is the top. */
const triangle = (a: number, b: number): FigurePoint[] => [
  [0, 0],
  [1, 0],
  polar([0, 0], a, sine(b) / sine(180 - a - b)),
];

const fives = (low: number, high: number, random: Random) => 5 * random.range(low / 5, high / 5);

function construct(family: StructureFamily, random: Random): Construction | undefined {
  const kind: string = STRUCTURE_FAMILIES[family].kinds[0];
  const angles = (marks: { label: Placed; arc: FigureStroke }[]) => ({
    labels: marks.map(({ label }) => label),
    arcs: marks.map(({ arc }) => arc),
  });
  switch (family) {
    case 'triangle-angle': {
      const [a, b] = [fives(35, 95, random), fives(35, 95, random)];
      if (a + b < 85 || a + b > 145) return undefined;
      const [A, B, C] = fit(triangle(a, b), 0.03, Math.PI, random) as [FigurePoint, FigurePoint, FigurePoint];
      const { labels, arcs } = angles([angleMark(A, B, C, a), angleMark(B, A, C, b), angleMark(C, A, B, 'x')]);
      return { kind, theorem: 'triangle', givens: [a, b], labels, strokes: [line(A, B, C, A), ...arcs] };
    }
    case 'line-angle': {
      const parts = [fives(35, 95, random), fives(35, 95, random)];
      const x = 180 - parts[0]! - parts[1]!;
      if (x < 35 || x > 95) return undefined;
      const order = random.shuffle([...parts, x]);
      const first = order[0]!;
      const second = first + order[1]!;
      const ends = [polar([0, 0], 0, 1), polar([0, 0], first, 1), polar([0, 0], second, 1), polar([0, 0], 180, 1)];
      const [O, P, Q, R, S] = fit([[0, 0], ...ends], 0.06, 0.4, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const asked = order.indexOf(x);
      const texts = order.map((value, i) => (i === asked ? 'x' : value));
      const { labels, arcs } = angles([
        angleMark(O, P, Q, texts[0]!),
        angleMark(O, Q, R, texts[1]!),
        angleMark(O, R, S, texts[2]!),
      ]);
      return {
        kind,
        theorem: 'line',
        givens: parts,
        labels,
        strokes: [line(P, O, S), line(O, Q), line(O, R), ...arcs],
      };
    }
    case 'parallel-angle': {
      const alternate = random.chance(0.5);
      const a = alternate ? fives(50, 95, random) : fives(85, 130, random);
      const top = polar([0, 0], a, random.between(0.42, 0.6) / sine(a));
      const points: FigurePoint[] = [
        [0, 0],
        top,
        [-0.5, 0],
        [0.5, 0],
        [top[0] - 0.5, top[1]],
        [top[0] + 0.5, top[1]],
        polar([0, 0], a, -0.22),
        polar(top, a, 0.22),
      ];
      const [P, Q, l, r, L, R, below, above] = fit(points, 0.04, 0.3, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const { labels, arcs } = angles([angleMark(P, r, Q, a), angleMark(Q, alternate ? L : R, P, 'x')]);
      const strokes = [line(l, r), line(L, R), line(below, above), ...arcs];
      return { kind, theorem: alternate ? 'alternate' : 'inside', givens: [a], labels, strokes };
    }
    case 'isosceles-angle': {
      const top = 10 * random.range(4, 10);
      const base = (180 - top) / 2;
      const [A, B, C] = fit(triangle(base, base), 0.03, Math.PI, random) as [FigurePoint, FigurePoint, FigurePoint];
      const { labels, arcs } = angles([angleMark(C, A, B, top), angleMark(A, B, C, 'x')]);
      const strokes = [line(A, B, C, A), tick(A, C), tick(B, C), ...arcs];
      return { kind, theorem: 'equal-sides', givens: [top], labels, strokes };
    }
    case 'circle-angle': {
      const center = 10 * random.range(7, 15);
      const O: FigurePoint = [0.5, 0.5];
      const turn = random.between(0, 360);
      const shift = random.between(-15, 15);
      const [A, B, P] = [
        polar(O, turn, 0.44),
        polar(O, turn + center, 0.44),
        polar(O, turn + center / 2 + 180 + shift, 0.44),
      ];
      const { labels, arcs } = angles([angleMark(O, A, B, center), angleMark(P, A, B, 'x')]);
      const round: FigureStroke = { type: 'arc', center: O, radius: 0.44, from: 0, to: 2 * Math.PI };
      return {
        kind,
        theorem: 'circle-angle',
        givens: [center],
        labels,
        strokes: [round, line(A, O, B), line(A, P, B), arcs[0]!],
      };
    }
    case 'rectangle-area': {
      const [a, b] = [random.range(2, 9), random.range(2, 9)];
      const tall = Math.max(0.45, Math.min(2.2, b / a));
      const [A, B, C, D] = fit(
        [
          [0, 0],
          [1, 0],
          [1, -tall],
          [0, -tall],
        ],
        0.17,
        0.15,
        random,
      ) as [FigurePoint, FigurePoint, FigurePoint, FigurePoint];
      const middle = between(A, C, 0.5);
      const labels = [sideLabel(A, B, middle, a), sideLabel(B, C, middle, b)];
      return { kind, theorem: 'rectangle-area', givens: [a, b], labels, strokes: [line(A, B, C, D, A)] };
    }
    case 'segment-length': {
      const [a, b] = [random.range(2, 15), random.range(2, 15)];
      const share = Math.max(0.3, Math.min(0.7, a / (a + b)));
      const [A, B] = fit(
        [
          [0, 0],
          [1, 0],
        ],
        0.06,
        0.3,
        random,
      ) as [FigurePoint, FigurePoint];
      const up = random.chance(0.5) ? -1 : 1;
      const other = (p: FigurePoint): FigurePoint => [p[0], p[1] + up * 0.14];
      const away: FigurePoint = [0.5, 0.5 + 2 * up];
      const M = between(A, B, share);
      const labels: Placed[] = [
        sideLabel(A, M, away, a),
        sideLabel(M, B, away, b),
        { text: 'x', at: between(other(A), other(B), 0.5), inGap: true },
      ];
      const strokes = [line(A, B), tick(A, B, 0), tick(A, B, share), tick(A, B, 1), thin(A, other(A), other(B), B)];
      return { kind, theorem: 'parts', givens: [a, b], labels, strokes };
    }
    case 'segment-ratio': {
      const short = random.range(2, 9);
      const times = random.range(2, 6);
      const share = Math.max(0.25, 1 / (times + 1));
      const [A, B] = fit(
        [
          [0, 0],
          [1, 0],
        ],
        0.06,
        0.6,
        random,
      ) as [FigurePoint, FigurePoint];
      const M = between(A, B, share);
      const away: FigurePoint = [0.5, random.chance(0.5) ? 2.5 : -1.5];
      const labels = [sideLabel(A, M, away, short), sideLabel(M, B, away, short * times)];
      const strokes = [line(A, B), tick(A, B, 0), tick(A, B, share), tick(A, B, 1)];
      return { kind, theorem: 'ratio', givens: [short * times, short], labels, strokes };
    }
    case 'midline-length': {
      const base = 2 * random.range(2, 20);
      const [A, B, C] = fit(triangle(random.between(50, 75), random.between(50, 75)), 0.13, 0.3, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const [M, N] = [between(A, C, 0.5), between(B, C, 0.5)];
      const labels: Placed[] = [
        sideLabel(A, B, C, base),
        { text: 'x', at: between(M, N, random.between(0.4, 0.6)), inGap: true },
      ];
      const strokes = [line(A, B, C, A), line(M, N), tick(A, C, 0.25, 0.035), tick(A, C, 0.75, 0.035)];
      return { kind, theorem: 'midline', givens: [base], labels, strokes };
    }
    case 'quadrilateral-angle': {
      const [a, b, d] = [fives(70, 115, random), fives(70, 115, random), fives(70, 115, random)];
      const x = 360 - a - b - d;
      if (x < 60 || x > 95) return undefined;
      const D = polar([0, 0], a, random.between(0.75, 1.1));
      // Where the side that leaves B meets the side that leaves D.
      const [u, v] = [polar([0, 0], 180 - b, 1), polar([0, 0], a + 180 + d, 1)];
      const t = ((D[0] - 1) * v[1] - D[1] * v[0]) / (u[0] * v[1] - u[1] * v[0]);
      if (t < 0.6 || t > 1.3) return undefined;
      const corners = fit([[0, 0], [1, 0], [1 + t * u[0], t * u[1]], D], 0.03, Math.PI, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const [A, B, C, E] = corners;
      const { labels, arcs } = angles([
        angleMark(A, B, E, a),
        angleMark(B, A, C, b),
        angleMark(C, B, E, 'x'),
        angleMark(E, A, C, d),
      ]);
      return { kind, theorem: 'quadrilateral', givens: [a, b, d], labels, strokes: [line(A, B, C, E, A), ...arcs] };
    }
    case 'outside-angle': {
      const [a, c] = [fives(40, 70, random), fives(40, 70, random)];
      if (a + c > 120) return undefined;
      const far: FigurePoint = [1 + random.between(0.3, 0.4), 0];
      const [A, B, C, E] = fit([...triangle(a, 180 - a - c), far], 0.03, Math.PI, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const { labels, arcs } = angles([angleMark(A, B, C, a), angleMark(C, A, B, c), angleMark(B, C, E, 'x')]);
      return { kind, theorem: 'outside', givens: [a, c], labels, strokes: [line(B, C, A, E), ...arcs] };
    }
    case 'right-triangle-angle': {
      const a = fives(35, 55, random);
      const [A, B, C] = fit(triangle(a, 90), 0.03, Math.PI, random) as [FigurePoint, FigurePoint, FigurePoint];
      const { labels, arcs } = angles([angleMark(A, B, C, a), angleMark(C, A, B, 'x')]);
      const strokes = [line(A, B, C, A), cornerMark(B, A, C), ...arcs];
      return { kind, theorem: 'right-triangle', givens: [a], labels, strokes };
    }
    case 'parallelogram-angle': {
      const a = fives(95, 130, random);
      const D = polar([0, 0], a, random.between(0.6, 0.8));
      const [A, B, C, E] = fit([[0, 0], [1, 0], [1 + D[0], D[1]], D], 0.06, 0.6, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const { labels, arcs } = angles([angleMark(A, B, E, a), angleMark(B, A, C, 'x')]);
      return { kind, theorem: 'parallelogram', givens: [a], labels, strokes: [line(A, B, C, E, A), ...arcs] };
    }
    case 'point-angle': {
      const [a, b] = [fives(115, 160, random), fives(115, 160, random)];
      const x = 360 - a - b;
      if (x < 50 || x > 95) return undefined;
      const ends = [polar([0, 0], 0, 1), polar([0, 0], a, 1), polar([0, 0], a + b, 1)];
      const [O, P, Q, R] = fit([[0, 0], ...ends], 0.03, Math.PI, random) as [
        FigurePoint,
        FigurePoint,
        FigurePoint,
        FigurePoint,
      ];
      const { labels, arcs } = angles([angleMark(O, P, Q, a), angleMark(O, Q, R, b), angleMark(O, R, P, 'x')]);
      return { kind, theorem: 'point', givens: [a, b], labels, strokes: [line(O, P), line(O, Q), line(O, R), ...arcs] };
    }
    case 'triangle-area': {
      const [base, height] = [random.range(2, 12), random.range(2, 9)];
      if ((base * height) % 2 === 1) return undefined;
      const foot = random.between(0.35, 0.65);
      const tall = Math.max(0.6, Math.min(1.2, height / base));
      const [A, B, C, H] = fit(
        [
          [0, 0],
          [1, 0],
          [foot, -tall],
          [foot, 0],
        ],
        0.12,
        0.2,
        random,
      ) as [FigurePoint, FigurePoint, FigurePoint, FigurePoint];
      const labels: Placed[] = [
        sideLabel(A, B, C, base),
        { text: String(height), at: between(H, C, 0.4), inGap: true },
      ];
      const strokes = [line(A, B, C, A), thin(C, H), cornerMark(H, B, C)];
      return { kind, theorem: 'triangle-area', givens: [base, height], labels, strokes };
    }
    case 'trapezoid-midline': {
      const [top, bottom] = [random.range(3, 12), random.range(5, 20)];
      if (top >= bottom || (top + bottom) % 2 === 1) return undefined;
      const [left, right] = [random.between(0.12, 0.28), random.between(0.12, 0.28)];
      const [A, B, C, D] = fit(
        [
          [0, 0],
          [1, 0],
          [1 - right, -0.7],
          [left, -0.7],
        ],
        0.12,
        0.25,
        random,
      ) as [FigurePoint, FigurePoint, FigurePoint, FigurePoint];
      const [M, N] = [between(A, D, 0.5), between(B, C, 0.5)];
      const labels: Placed[] = [
        sideLabel(A, B, M, bottom),
        sideLabel(C, D, M, top),
        { text: 'x', at: between(M, N, random.between(0.25, 0.75)), inGap: true },
      ];
      return { kind, theorem: 'trapezoid', givens: [top, bottom], labels, strokes: [line(A, B, C, D, A), line(M, N)] };
    }
    case 'polygon-perimeter': {
      const sides = random.range(4, 6);
      const length = random.range(2, 15);
      const corners = Array.from({ length: sides }, (_, i) => polar([0, 0], (360 * i) / sides + 90 + 180 / sides, 1));
      const placed = fit(corners, 0.15, Math.PI, random);
      const [A, B] = random.chance(0.5) ? [placed[0]!, placed[1]!] : [placed[1]!, placed[2]!];
      return {
        kind: STRUCTURE_FAMILIES['polygon-perimeter'].kinds[sides - 4]!,
        theorem: 'perimeter',
        givens: [sides, length],
        labels: [sideLabel(A, B, [0.5, 0.5], length)],
        strokes: [line(...placed, placed[0]!), ...placed.map((p, i) => tick(p, placed[(i + 1) % sides]!, 0.5, 0.03))],
      };
    }
  }
}
