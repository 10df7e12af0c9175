/** Draws scenes at random. Their objects stand apart on the ground, inside the picture, and each is well visible. */
import type { Random } from '../../engine/random.js';
import { liftFromImage } from './camera.js';
import { visibility } from './ray-cast.js';
import {
  COLORS,
  type Look,
  MATERIALS,
  type Scene,
  type SceneCamera,
  type SceneObject,
  SHAPES,
  SIZES,
  type Vec3,
} from './scene.js';
import { footprint, halfHeight } from './solids.js';

/** Fewest and most objects of each look: the vehicles' counts reach beyond the blocks'. */
export const OBJECT_COUNTS: { readonly [look in Look]: readonly [number, number] } = {
  blocks: [3, 6],
  vehicles: [3, 7],
};

/** The camera of both looks, above and before the scene. */
const CENTER_CAMERA: SceneCamera = { eye: [0, -20, 21], target: [0, 0, 0.3], fieldOfView: 18 };

/** Every object shows at least this share of what it would show alone. */
const LEAST_SHARE = 0.75;
/**
 * Objects stand in cells of the picture, this many a side, each near the middle of its own. At 64 pixels one visual token of the nano
 * model covers one cell. Seeing is made easy because the study is about reasoning.
 */
const CELLS = 4;
/** The farthest that an object's middle lies from that of its cell, as a fraction of the picture's side. */
const STRAY = 0.03;
/** The fraction of the picture's side that the cells' middles spread over, so that objects at the edge are whole. */
const SPREAD = 0.94;

/**
 * Draws a scene.
 *
 * @param objects default: a number drawn from the look's range
 */
export function sampleScene(look: Look, random: Random, objects = random.range(...OBJECT_COUNTS[look])): Scene {
  for (;;) {
    const scene = proposeScene(look, random, objects);
    if (scene && allVisible(scene)) return scene;
  }
}

function proposeScene(look: Look, random: Random, count: number): Scene | undefined {
  const jitter = (x: number) => x + random.between(-0.15, 0.15);
  const camera: SceneCamera = {
    ...CENTER_CAMERA,
    eye: CENTER_CAMERA.eye.map(jitter) as Vec3,
  };
  const angle = look === 'blocks' ? random.between(1.7, 2.9) : random.between(0.2, 1.4);
  const flat = look === 'blocks' ? 0.62 : 0.8;
  const light: Vec3 = [flat * Math.cos(angle), -flat * Math.abs(Math.sin(angle)), Math.sqrt(1 - flat * flat)];
  const cells = random.shuffle(Array.from({ length: CELLS ** 2 }, (_, cell) => cell)).slice(0, count);
  const objects: SceneObject[] = [];
  // In reading order: row by row from the top, from left to right in a row.
  for (const cell of cells.sort((a, b) => a - b)) {
    const object: SceneObject = {
      size: random.choice(SIZES),
      color: random.choice(COLORS),
      material: random.choice(MATERIALS),
      shape: random.choice(SHAPES[look]),
      x: 0,
      y: 0,
      yaw: look === 'blocks' ? random.between(0, 2 * Math.PI) : broadside(random),
    };
    const [across, down] = [cell % CELLS, Math.floor(cell / CELLS)].map(
      (cell) => 0.5 + ((cell + 0.5) / CELLS - 0.5) * SPREAD + random.between(-STRAY, STRAY),
    ) as [number, number];
    const [x, y] = liftFromImage(camera, across, down, halfHeight(object));
    object.x = Math.round(x * 100) / 100;
    object.y = Math.round(y * 100) / 100;
    if (!objects.every((other) => apart(object, other))) return undefined;
    objects.push(object);
  }
  return { look, objects, camera, light, grain: random.int(2 ** 31) };
}

/** Whether the footprints of two objects do not meet. */
function apart(a: SceneObject, b: SceneObject): boolean {
  return footprint(a).every(([ax, ay, ar]) =>
    footprint(b).every(([bx, by, br]) => Math.hypot(ax - bx, ay - by) > ar + br + 0.12),
  );
}

/** A vehicle's heading: to the left or to the right, so that its outline shows. */
function broadside(random: Random): number {
  return (random.chance(0.5) ? Math.PI : 0) + random.between(-0.6, 0.6);
}

function allVisible(scene: Scene): boolean {
  const { visible, alone } = visibility(scene);
  return scene.objects.every((_, i) => visible[i]! >= LEAST_SHARE * alone[i]!);
}
