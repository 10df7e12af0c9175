/** The rasteriser: it draws a figure as anti-aliased strokes, and the labels over them in clearings of their own. */

import { Random } from '../../engine/random.js';
import type { RgbImage } from '../../records/image.js';
import type { FigurePoint, FigureStroke, GeometryFigure } from './figure.js';
import { CELL, glyphStrokes, halfWidth } from './glyphs.js';

/** Colours 0-255; widths in the picture's 64ths. */
const STYLES = {
  id: { paper: [250, 250, 248], ink: [125, 135, 155], text: [0, 0, 0], width: 1.7, grain: 3 },
  ood: { paper: [238, 232, 212], ink: [30, 90, 190], text: [150, 20, 30], width: 1.3, grain: 7 },
} as const;
const GLYPH_STROKE = 1.25;
/** The pixels of a side. At this size a digit fills one patch of the nano model, 8 x 8 pixels. */
const PICTURE_SIDE = 80;

/** The image of a figure, `size` x `size` pixels. */
export function drawFigure(figure: GeometryFigure, size = PICTURE_SIDE): RgbImage {
  const style = STYLES[figure.style];
  const cover = new Float32Array(size * size);
  const unit = size / 64;
  for (const stroke of figure.strokes) {
    trace(cover, size, pointsOf(stroke), style.width * (stroke.thin ? 0.65 : 1) * unit);
  }
  const text = new Float32Array(size * size);
  for (const { text: label, at } of figure.labels) {
    clear(cover, size, at, halfWidth(label), CELL / 2);
    for (const points of glyphStrokes(label, at)) trace(text, size, points, GLYPH_STROKE * unit);
  }
  const random = new Random(figure.grain, 'grain');
  const data = new Uint8Array(size * size * 3);
  for (let p = 0; p < size * size; p++) {
    const noise = (random.uniform() + random.uniform() - 1) * style.grain;
    for (let c = 0; c < 3; c++) {
      const line = style.paper[c]! + (style.ink[c]! - style.paper[c]!) * cover[p]!;
      const value = line + (style.text[c]! - line) * text[p]! + noise;
      data[p * 3 + c] = Math.max(0, Math.min(255, Math.round(value)));
    }
  }
  return { width: size, height: size, data };
}

/** A stroke as a polyline; an arc in steps of about 6 degrees. */
export function pointsOf(stroke: FigureStroke): FigurePoint[] {
  if (stroke.type === 'line') return stroke.points;
  const { center, radius, from, to } = stroke;
  const steps = Math.max(4, Math.ceil(Math.abs(to - from) / 0.1));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = from + ((to - from) * i) / steps;
    return [center[0] + radius * Math.cos(angle), center[1] + radius * Math.sin(angle)];
  });
}

/** Covers the pixels along a polyline in the unit square; `width` in pixels, edges one pixel soft. */
function trace(cover: Float32Array, size: number, points: readonly FigurePoint[], width: number): void {
  const reach = width / 2 + 0.5;
  for (let i = 1; i < points.length; i++) {
    const [ax, ay] = [points[i - 1]![0] * size, points[i - 1]![1] * size];
    const [dx, dy] = [points[i]![0] * size - ax, points[i]![1] * size - ay];
    const length = dx * dx + dy * dy || 1e-9;
    const [x0, x1] = [
      Math.max(0, Math.floor(Math.min(ax, ax + dx) - reach)),
      Math.min(size - 1, Math.ceil(Math.max(ax, ax + dx) + reach)),
    ];
    const [y0, y1] = [
      Math.max(0, Math.floor(Math.min(ay, ay + dy) - reach)),
      Math.min(size - 1, Math.ceil(Math.max(ay, ay + dy) + reach)),
    ];
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const t = Math.max(0, Math.min(1, (px * dx + py * dy) / length));
        const share = reach - Math.hypot(px - t * dx, py - t * dy);
        if (share > cover[y * size + x]!) cover[y * size + x] = Math.min(1, share);
      }
    }
  }
}

/** Wipes a box, so that no line runs through a label. */
function clear(cover: Float32Array, size: number, [x, y]: FigurePoint, half: number, high: number): void {
  const bound = (v: number) => Math.max(0, Math.min(size, Math.round(v * size)));
  for (let row = bound(y - high); row < bound(y + high); row++) {
    cover.fill(0, row * size + bound(x - half), row * size + bound(x + half));
  }
}
