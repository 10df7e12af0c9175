/** Drawn figures as plain JSON: strokes and labels in a unit square, x to the right, y down. */
import { hash32 } from '../../engine/random.js';

export type FigurePoint = [number, number];

/** A line through points, or part of a circle (angles in radians, clockwise on screen from the right). */
export type FigureStroke =
  | { type: 'line'; points: FigurePoint[]; thin?: boolean }
  | { type: 'arc'; center: FigurePoint; radius: number; from: number; to: number; thin?: boolean };

/** A number that the figure gives, or x, the value that the question asks for. */
export interface FigureLabel {
  text: string;
  at: FigurePoint;
}

/** All that the image depends on. */
export interface GeometryFigure {
  /** How it is drawn: as textbook scans (`id`) or as exercise sheets (`ood`). */
  style: 'id' | 'ood';
  /** What it shows, in a word or two. */
  kind: string;
  strokes: FigureStroke[];
  /** From left to right. */
  labels: FigureLabel[];
  /** Seeds the grain of the image. */
  grain: number;
}

/**
 * The fingerprint of a figure: equal for two figures of one kind whose labels and lines stand at the same places, to a twentieth of
 * the picture. Grain does not count.
 */
export function figureFingerprint(figure: GeometryFigure): string {
  const place = ([x, y]: FigurePoint) => `${Math.round(x * 20)} ${Math.round(y * 20)}`;
  const labels = figure.labels.map(({ text, at }) => `${text} ${place(at)}`);
  const lines = figure.strokes.map((stroke) => (stroke.type === 'line' ? stroke.points.map(place).join(' ') : ''));
  const text = [figure.kind, ...labels, ...lines].join('; ');
  const word = (salt: string) => hash32(`${salt}${text}`).toString(16).padStart(8, '0');
  return `${figure.style}-${word('a')}${word('b')}`;
}
