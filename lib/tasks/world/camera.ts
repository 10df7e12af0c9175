/** The pinhole camera, and the way from a place in the image to the ground. */

import type { SceneCamera, Vec3 } from './scene.js';

/** The camera's axes, of length 1, and the extent of its image. */
export interface CameraFrame {
  right: Vec3;
  up: Vec3;
  forward: Vec3;
  /** Half the image's height at depth 1. */
  reach: number;
}

const minus = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const unit = (a: Vec3): Vec3 => {
  const length = Math.sqrt(dot(a, a));
  return [a[0] / length, a[1] / length, a[2] / length];
};

/** The axes of a camera that does not look straight up or down. */
export function cameraFrame(camera: SceneCamera): CameraFrame {
  const forward = unit(minus(camera.target, camera.eye));
  const right = unit([forward[1], -forward[0], 0]);
  const up: Vec3 = [
    right[1] * forward[2] - right[2] * forward[1],
    right[2] * forward[0] - right[0] * forward[2],
    right[0] * forward[1] - right[1] * forward[0],
  ];
  return { right, up, forward, reach: Math.tan((camera.fieldOfView * Math.PI) / 360) };
}

/** The point at height `z` that appears at (across, down) of a square image. */
export function liftFromImage(camera: SceneCamera, across: number, down: number, z: number): Vec3 {
  const { right, up, forward, reach } = cameraFrame(camera);
  const u = (2 * across - 1) * reach;
  const v = (1 - 2 * down) * reach;
  const ray = [0, 1, 2].map((i) => forward[i]! + u * right[i]! + v * up[i]!) as Vec3;
  const t = (z - camera.eye[2]) / ray[2];
  return [camera.eye[0] + t * ray[0], camera.eye[1] + t * ray[1], z];
}
