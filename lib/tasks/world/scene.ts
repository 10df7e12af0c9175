/** Scenes as plain JSON: objects with attributes on a ground plane, a camera and a light. */

import { hash32 } from '../../engine/random.js';

export const SIZES = ['small', 'large'] as const;
export const COLORS = ['gray', 'red', 'blue', 'green', 'brown', 'purple', 'cyan', 'yellow'] as const;
export const MATERIALS = ['rubber', 'metal'] as const;
/** The shapes of each look; the two lists share nothing, so every combination with a vehicle is new to the blocks. */
export const SHAPES = {
  blocks: ['cube', 'sphere', 'cylinder'],
  vehicles: ['car', 'bus', 'plane', 'bike'],
} as const;

/** The look of a world: `blocks` like CLEVR (in domain), `vehicles` like Super-CLEVR (out of domain). */
export type Look = keyof typeof SHAPES;
/** Sizes of counting, and the one between that spatial transformation adds. */
export type ObjectSize = (typeof SIZES)[number] | 'medium';
export type ObjectColor = (typeof COLORS)[number];
/** Materials of counting, and the one that spatial transformation adds. */
export type ObjectMaterial = (typeof MATERIALS)[number] | 'glass';
export type ObjectShape = (typeof SHAPES)[Look][number];

/** A point or direction in the world: x to the right, y away from the viewer, z up; the ground is z = 0. */
export type Vec3 = [number, number, number];

/** The attributes of an object that texts name. */
export interface Attributes {
  size: ObjectSize;
  color: ObjectColor;
  material: ObjectMaterial;
  shape: ObjectShape;
}

/** An object that stands on the ground at (x, y), turned by `yaw` radians about the vertical. */
export interface SceneObject extends Attributes {
  x: number;
  y: number;
  yaw: number;
}

/** A pinhole camera whose image's upright is the world's. */
export interface SceneCamera {
  eye: Vec3;
  target: Vec3;
  /** The vertical angle of view, in degrees. */
  fieldOfView: number;
}

/** Square tiles on the ground about the middle of the world, `side` x `side`, each `tile` world units wide. */
export interface Board {
  tile: number;
  side: number;
}

/** All that the image depends on. */
export interface Scene {
  look: Look;
  objects: SceneObject[];
  camera: SceneCamera;
  /** Points from the ground towards the light; of length 1. */
  light: Vec3;
  /** Seeds the ground's texture and the grain of the image. */
  grain: number;
  /** The world units that a shape's own unit stands for, by size. Default: those of counting. */
  scales?: Readonly<Record<ObjectSize, number>>;
  /** Tiles on the ground. Without them the ground is plain. */
  board?: Board;
}

/**
 * The fingerprint of a scene: equal for two scenes whose objects have the same attributes at the same places, to a tenth of a unit. The
 * order of the objects does not count, nor do light and grain: they do not make a scene new.
 */
export function sceneFingerprint(scene: Scene): string {
  const objects = scene.objects
    .map((o) => `${o.size} ${o.color} ${o.material} ${o.shape} ${Math.round(o.x * 10)} ${Math.round(o.y * 10)}`)
    .sort()
    .join('; ');
  const word = (salt: string) => hash32(`${salt}${objects}`).toString(16).padStart(8, '0');
  return `${scene.look}-${word('a')}${word('b')}`;
}
