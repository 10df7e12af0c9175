/** Draws scenes at random: objects that stand apart on the ground, inside the picture, each of them well visible. */
import type { Random } from '../../engine/random.js';
import { liftFromImage, projectToImage } from './camera.js';
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
  blocks: [3, 7],
  vehicles: [3, 8],
};

/** The camera of both looks, above and before the scene. */
export const CENTER_CAMERA: SceneCamera = { eye: [0, -15, 12.6], target: [0, 0, 0.3], fieldOfView: 25.5 };

/** Every object shows at least this many of 64 x 64 pixels ... */
const FEWEST_PIXELS = { small: 24, medium: 40, large: 60 };
/** ... and at least this share of what it would show alone. */
const LEAST_SHARE = 0.55;
/** The part of the picture, from its edge, in which no object's middle stands. */
const MARGIN = 0.13;

/** A random scene with a given number of objects, or a number drawn from the look's range. */
export function sampleScene(look: Look, random: Random, objects = random.range(...OBJECT_COUNTS[look])): Scene {
  for (;;) {
    const scene = proposeScene(look, random, objects);
    if (scene && allVisible(scene)) return scene;
  }
}

function proposeScene(look: Look, random: Random, count: number): Scene | undefined {
  const jitter = (x: number) => x + random.between(-0.25, 0.25);
  const camera: SceneCamera = {
    ...CENTER_CAMERA,
    eye: CENTER_CAMERA.eye.map(jitter) as Vec3,
  };
  const angle = look === 'blocks' ? random.between(1.7, 2.9) : random.between(0.2, 1.4);
  const flat = look === 'blocks' ? 0.62 : 0.8;
  const light: Vec3 = [flat * Math.cos(angle), -flat * Math.abs(Math.sin(angle)), Math.sqrt(1 - flat * flat)];
  const objects: SceneObject[] = [];
  for (let tries = 0; objects.length < count; tries++) {
    if (tries > 40 * count) return undefined;
    const object: SceneObject = {
      size: random.choice(SIZES),
      color: random.choice(COLORS),
      material: random.choice(MATERIALS),
      shape: random.choice(SHAPES[look]),
      x: 0,
      y: 0,
      yaw: random.between(0, 2 * Math.PI),
    };
    const across = random.between(MARGIN, 1 - MARGIN);
    const down = random.between(MARGIN, 1 - MARGIN);
    const [x, y] = liftFromImage(camera, across, down, halfHeight(object));
    object.x = Math.round(x * 100) / 100;
    object.y = Math.round(y * 100) / 100;
    if (objects.every((other) => apart(object, other)) && orderIsPlain(object, objects, camera)) objects.push(object);
  }
  return { look, objects: readingOrder(objects, camera), camera, light, grain: random.int(2 ** 31) };
}

/** True where the footprints of two objects do not meet. */
function apart(a: SceneObject, b: SceneObject): boolean {
  return footprint(a).every(([ax, ay, ar]) =>
    footprint(b).every(([bx, by, br]) => Math.hypot(ax - bx, ay - by) > ar + br + 0.12),
  );
}

/** True where an object's place in reading order is plain to see: a pixel of 64 from a band's edge, and three from a neighbour across. */
function orderIsPlain(object: SceneObject, others: SceneObject[], camera: SceneCamera): boolean {
  const middle = (o: SceneObject) => projectToImage(camera, [o.x, o.y, halfHeight(o)]);
  const [across, down] = middle(object);
  if (Math.abs(down * 4 - Math.round(down * 4)) < 4 / 64) return false;
  return others.every((other) => {
    const [x, y] = middle(other);
    return Math.floor(y * 4) !== Math.floor(down * 4) || Math.abs(x - across) >= 3 / 64;
  });
}

/** Objects row by row as one reads: bands of a quarter of the picture from the top, left to right inside a band. */
function readingOrder(objects: SceneObject[], camera: SceneCamera): SceneObject[] {
  const placed = objects.map((object) => {
    const [across, down] = projectToImage(camera, [object.x, object.y, halfHeight(object)]);
    return { object, across, band: Math.floor(down * 4) };
  });
  return placed.sort((a, b) => a.band - b.band || a.across - b.across).map(({ object }) => object);
}

function allVisible(scene: Scene): boolean {
  const { visible, alone } = visibility(scene);
  return scene.objects.every(
    ({ size }, i) => visible[i]! >= FEWEST_PIXELS[size] && visible[i]! >= LEAST_SHARE * alone[i]!,
  );
}
