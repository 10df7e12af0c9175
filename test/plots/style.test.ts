import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paradigmStyle } from '../../lib/plots/study/paradigm-style.js';
import { seriesStyle, withOpacity } from '../../lib/plots/style.js';
import { PAPER_PARADIGMS } from '../../lib/study/design/paradigms.js';

type Vector = readonly [number, number, number];
type Matrix = readonly [Vector, Vector, Vector];

/** `#RRGGBB` as linear light. */
function linear(color: string): Vector {
  return [1, 3, 5].map((i) => {
    const c = Number.parseInt(color.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as unknown as Vector;
}

const times = (matrix: Matrix, v: Vector) =>
  matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as unknown as Vector;

/** Relative luminance (WCAG 2) of `#RRGGBB`. */
function luminance(color: string): number {
  const [r, g, b] = linear(color);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** What an eye sees of linear light: Machado, Oliveira and Fernandes (2009), severity 1. */
const EYES: { readonly [eye: string]: Matrix } = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

/** sRGB to XYZ over the white point D65. */
const XYZ: Matrix = [
  [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339 / 1.08883, 0.119192 / 1.08883, 0.9503041 / 1.08883],
];

/** CIE L*a*b* of a colour as an eye sees it. */
function lab(color: string, eye: Matrix): Vector {
  const seen = times(eye, linear(color)).map((c) => Math.min(1, Math.max(0, c))) as unknown as Vector;
  const [x, y, z] = times(XYZ, seen).map((c) => (c > 0.008856 ? Math.cbrt(c) : 7.787 * c + 16 / 116));
  return [116 * y! - 16, 500 * (x! - y!), 200 * (y! - z!)];
}

/** The distance of two colours (CIE 1976); 2.3 is just seen side by side. */
function distance(a: string, b: string, eye: Matrix): number {
  const [p, q] = [lab(a, eye), lab(b, eye)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

/** Every two of some. */
const pairs = <T>(all: readonly T[]) => all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const));

test('no two of the seven series share a colour, a marker or a pattern', () => {
  const styles = Array.from({ length: 7 }, (_, i) => seriesStyle(i));
  for (const key of ['color', 'marker', 'pattern'] as const) {
    assert.equal(new Set(styles.map((s) => s[key])).size, 7, key);
  }
});

test('the first two series, and each next to its neighbour, differ in a grey print', () => {
  for (let i = 0; i < 6; i++) {
    const [a, b] = [luminance(seriesStyle(i).color), luminance(seriesStyle(i + 1).color)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    assert.ok(contrast > 1.1, `series ${i} and ${i + 1}: ${contrast.toFixed(2)}`);
  }
});

test('black and white lie 100 apart, and red and green that a deuteranope confuses come together', () => {
  assert.ok(Math.abs(distance('#000000', '#FFFFFF', EYES.usual!) - 100) < 0.01);
  assert.ok(distance('#B05030', '#707020', EYES.deuteranopia!) < distance('#B05030', '#707020', EYES.usual!) / 2);
});

test('a deuteranope and a protanope tell every two of the seven series apart', () => {
  const colors = Array.from({ length: 7 }, (_, i) => seriesStyle(i).color);
  for (const [eye, matrix] of Object.entries(EYES)) {
    const least = Math.min(...pairs(colors).map(([a, b]) => distance(a, b, matrix)));
    assert.ok(least > 15, `${eye}: ${least.toFixed(1)}`);
  }
});

test('the paradigms keep 7 of 100 steps of lightness apart, for a grey print, and share no marker or dash', () => {
  const styles = PAPER_PARADIGMS.map(paradigmStyle);
  for (const [a, b] of pairs(styles)) {
    const step = Math.abs(lab(a.color, EYES.usual!)[0] - lab(b.color, EYES.usual!)[0]);
    assert.ok(step > 6.5, `${a.color} and ${b.color}: ${step.toFixed(1)}`);
    assert.notEqual(a.marker, b.marker);
  }
  const trained = PAPER_PARADIGMS.filter((paradigm) => paradigm !== 'zero-shot').map(
    (paradigm) => paradigmStyle(paradigm).dash,
  );
  assert.equal(new Set(trained).size, trained.length);
});

test('opacity', () => {
  assert.equal(withOpacity('#0072B2', 0.3), 'rgba(0,114,178,0.3)');
});
