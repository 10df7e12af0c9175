/** The solids that objects are made of: each shape is a few convex ones in the object's own frame. */

import {
  type Look,
  type ObjectColor,
  type ObjectShape,
  type ObjectSize,
  type SceneObject,
  SHAPES,
  type Vec3,
} from './scene.js';

export type SolidKind = 'ellipsoid' | 'box' | 'cylinder';

/** A solid of a shape whose reach on the ground is about 1; the object's x axis points forward, z up. */
export interface Solid {
  kind: SolidKind;
  center: Vec3;
  /** Half the extent along the object's x, y and z. */
  half: Vec3;
  /** The axis of a cylinder. Default: `z`. */
  axis?: 'y' | 'z';
  /** A colour of its own, for windows and tyres. Default: the object's. */
  paint?: Vec3;
}

/** Surface colours, 0-1. They can be distinguished at 64 pixels, in light and in shade. */
export const COLOR_RGB: Record<ObjectColor, Vec3> = {
  gray: [0.45, 0.45, 0.46],
  red: [0.82, 0.1, 0.1],
  blue: [0.13, 0.25, 0.9],
  green: [0.08, 0.5, 0.12],
  brown: [0.47, 0.26, 0.08],
  purple: [0.58, 0.16, 0.78],
  cyan: [0.12, 0.8, 0.82],
  yellow: [0.98, 0.86, 0.1],
};

/** The world units that a shape's own unit stands for in counting: fewer for vehicles, which are longer than wide. */
const SIZE_SCALE: Record<Look, Record<ObjectSize, number>> = {
  blocks: { small: 0.78, medium: 0.95, large: 1.16 },
  vehicles: { small: 0.72, medium: 0.84, large: 0.98 },
};

/** The scale of an object of counting. Its shape says which look it belongs to. */
export function sizeScale({ shape, size }: Pick<SceneObject, 'shape' | 'size'>): number {
  return SIZE_SCALE[(SHAPES.blocks as readonly ObjectShape[]).includes(shape) ? 'blocks' : 'vehicles'][size];
}

const TYRE: Vec3 = [0.07, 0.07, 0.08];
const WINDOW: Vec3 = [0.12, 0.16, 0.22];
const LAMP: Vec3 = [0.95, 0.93, 0.8];

/** Wheels at some places along x, on both sides. */
function wheels(xs: readonly number[], y: number, radius: number): Solid[] {
  return xs.flatMap((x) =>
    [-y, y].map(
      (side): Solid => ({
        kind: 'cylinder',
        center: [x, side, radius],
        half: [radius, 0.09, radius],
        axis: 'y',
        paint: TYRE,
      }),
    ),
  );
}

/** The solids of each shape. */
export const SHAPE_SOLIDS: Record<ObjectShape, readonly Solid[]> = {
  cube: [{ kind: 'box', center: [0, 0, 0.76], half: [0.76, 0.76, 0.76] }],
  sphere: [{ kind: 'ellipsoid', center: [0, 0, 0.98], half: [0.98, 0.98, 0.98] }],
  cylinder: [{ kind: 'cylinder', center: [0, 0, 0.85], half: [0.78, 0.78, 0.85] }],
  car: [
    { kind: 'box', center: [0, 0, 0.46], half: [1.2, 0.58, 0.26] },
    { kind: 'box', center: [-0.15, 0, 0.86], half: [0.62, 0.5, 0.16], paint: WINDOW },
    { kind: 'box', center: [-0.15, 0, 1.07], half: [0.56, 0.48, 0.06] },
    { kind: 'box', center: [1.2, 0, 0.5], half: [0.04, 0.42, 0.1], paint: LAMP },
    ...wheels([-0.72, 0.72], 0.56, 0.3),
  ],
  bus: [
    { kind: 'box', center: [0, 0, 0.5], half: [1.3, 0.52, 0.3] },
    { kind: 'box', center: [0, 0, 0.98], half: [1.26, 0.49, 0.2], paint: WINDOW },
    { kind: 'box', center: [0, 0, 1.32], half: [1.3, 0.52, 0.16] },
    ...wheels([-0.8, 0.8], 0.5, 0.26),
  ],
  plane: [
    { kind: 'ellipsoid', center: [0, 0, 0.5], half: [1.35, 0.3, 0.3] },
    { kind: 'box', center: [0.1, 0, 0.5], half: [0.3, 1.25, 0.07] },
    { kind: 'box', center: [-1.08, 0, 0.6], half: [0.18, 0.5, 0.06] },
    { kind: 'box', center: [-1.1, 0, 0.9], half: [0.17, 0.07, 0.34] },
    { kind: 'ellipsoid', center: [0.85, 0, 0.68], half: [0.28, 0.2, 0.14], paint: WINDOW },
  ],
  bike: [
    { kind: 'cylinder', center: [-0.8, 0, 0.5], half: [0.52, 0.11, 0.52], axis: 'y', paint: TYRE },
    { kind: 'cylinder', center: [0.8, 0, 0.5], half: [0.52, 0.11, 0.52], axis: 'y', paint: TYRE },
    { kind: 'cylinder', center: [-0.8, 0, 0.5], half: [0.24, 0.16, 0.24], axis: 'y' },
    { kind: 'cylinder', center: [0.8, 0, 0.5], half: [0.24, 0.16, 0.24], axis: 'y' },
    { kind: 'box', center: [0, 0, 0.78], half: [0.78, 0.17, 0.17] },
    { kind: 'box', center: [0.58, 0, 1.1], half: [0.09, 0.09, 0.32] },
    { kind: 'box', center: [0.52, 0, 1.4], half: [0.1, 0.55, 0.09] },
    { kind: 'box', center: [-0.45, 0, 1.1], half: [0.34, 0.2, 0.09], paint: TYRE },
  ],
};

/** Half the height of an object, in world units. */
export function halfHeight(object: SceneObject): number {
  const top = Math.max(...SHAPE_SOLIDS[object.shape].map((s) => s.center[2] + s.half[2]));
  return (sizeScale(object) * top) / 2;
}

/** The discs on the ground, [x, y, radius], that cover an object's footprint. Those of two objects must not meet. */
export function footprint(object: SceneObject): Vec3[] {
  const scale = sizeScale(object);
  const along = { cube: 0, sphere: 0, cylinder: 0, car: 0.65, bus: 0.75, plane: 0.4, bike: 0.75 }[object.shape];
  const radius = { cube: 1.02, sphere: 0.98, cylinder: 0.8, car: 0.65, bus: 0.65, plane: 1.0, bike: 0.55 }[
    object.shape
  ];
  const places = along === 0 ? [0] : [-along, 0, along];
  return places.map((a) => [
    object.x + scale * a * Math.cos(object.yaw),
    object.y + scale * a * Math.sin(object.yaw),
    scale * radius,
  ]);
}
