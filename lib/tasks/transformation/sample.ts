/** Draws rows of spatial transformation: a scene on the grid, what changes in it, and the views of before and after. */

import type { Random } from '../../engine/random.js';
import type { RgbImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { domainOf } from '../domain.js';
import { drawScene, visibility } from '../world/ray-cast.js';
import {
  COLORS,
  type ObjectSize,
  type Scene,
  type SceneCamera,
  type SceneObject,
  sceneFingerprint,
  type Vec3,
} from '../world/scene.js';
import {
  CHANGE_KINDS,
  CHANGE_VALUES,
  type ChangeKind,
  DIRECTIONS,
  GRID_SIDE,
  GRID_STEP,
  isPlace,
  isUnambiguous,
  type Place,
  placeOf,
  solveTransformation,
  type TransformationScenes,
  writeCalls,
} from './program.js';
import { writeTransformationRationale } from './rationale.js';
import { writeTransformationQuestion } from './wording.js';

export type GridView = 'center' | 'left' | 'right';
/** The camera of the final image, by domain. */
const VIEWS: { readonly [domain: string]: GridView } = {
  id: 'center',
  'ood-left': 'left',
  'ood-right': 'right',
};

/** The number of changes. */
export type TransformationLevel = 1 | 2 | 3 | 4;

export interface TransformationOptions {
  /** Default: drawn evenly. */
  level?: TransformationLevel;
  /** The fewest and the most objects; at most 10. Default: as few as the small picture shows well, 2-3 at level 1 to 4-6 at level 4. */
  objects?: readonly [fewest: number, most: number];
}

/** The sizes' scales, so far from each other that perspective leaves no doubt. */
const SCALES: Record<ObjectSize, number> = { small: 0.52, medium: 0.77, large: 1.1 };
/** Every object shows at least this share of what it would show alone, in every view. */
const LEAST_SHARE = 0.65;
/** The pixels of a picture's side. Seen from the centre, a place is then about as wide as one visual token of the nano model. */
const PICTURE_SIDE = 80;
const BOARD = { tile: GRID_STEP, side: GRID_SIDE };
/** Every place of the grid. */
export const PLACES: readonly Place[] = Array.from(
  { length: GRID_SIDE ** 2 },
  (_, i): Place => [i % GRID_SIDE, Math.floor(i / GRID_SIDE)],
).filter(isPlace);
/** Half the diagonal of a unit cube's base (0.76 times the root of 2): no shape of scale 1 reaches further on the ground. */
const REACH = 1.075;
/** TRANCE's minimal gap between two objects. */
const GAP = 0.15;
/** The angle of each camera round the scene, in radians. */
const CAMERA_ANGLES = { center: 0, left: -Math.PI / 4, right: Math.PI / 4 } as const;

/** The scene from another side: its camera moves round the middle of the grid. */
export function seenFrom(scene: Scene, view: GridView): Scene {
  const [c, s] = [Math.cos(CAMERA_ANGLES[view]), Math.sin(CAMERA_ANGLES[view])];
  const rotateAroundGrid = ([x, y, z]: Vec3): Vec3 => [c * x - s * y, s * x + c * y, z];
  const camera: SceneCamera = {
    ...scene.camera,
    eye: rotateAroundGrid(scene.camera.eye),
    target: rotateAroundGrid(scene.camera.target),
  };
  return { ...scene, camera };
}

/** Draws a scene on the grid, seen from the centre. No two objects are alike, and each is well visible from all three sides. */
export function sampleGridScene(random: Random, objects: number): Scene {
  // This ends because the grid has room for 10 objects, so that a good share of proposals is sound.
  for (;;) {
    const scene = proposeGridScene(random, objects);
    if (scene && isSound(scene)) return scene;
  }
}

function proposeGridScene(random: Random, count: number): Scene | undefined {
  const jitter = (x: number) => x + random.between(-0.1, 0.1);
  const angle = random.between(1.7, 2.9);
  const light: Vec3 = [0.62 * Math.cos(angle), -0.62 * Math.abs(Math.sin(angle)), Math.sqrt(1 - 0.62 ** 2)];
  const camera: SceneCamera = { eye: [jitter(0), jitter(-16), jitter(20)], target: [0, 0, 0.3], fieldOfView: 19 };
  const places = random.shuffle(PLACES);
  const objects: SceneObject[] = [];
  for (const [column, row] of places) {
    if (objects.length === count) break;
    const object: SceneObject = {
      size: random.choice(CHANGE_VALUES.size),
      color: random.choice(COLORS),
      material: random.choice(CHANGE_VALUES.material),
      shape: random.choice(CHANGE_VALUES.shape),
      x: (column - 2) * GRID_STEP,
      y: (row - 2) * GRID_STEP,
      yaw: random.between(0, 2 * Math.PI),
    };
    if (objects.every((other) => areClearAndDistinct(object, other))) objects.push(object);
  }
  if (objects.length < count) return undefined;
  return { look: 'blocks', objects, camera, light, grain: random.int(2 ** 31), scales: SCALES, board: BOARD };
}

/** Whether two objects stand clear of each other and are not alike. */
function areClearAndDistinct(a: SceneObject, b: SceneObject): boolean {
  const gap = REACH * (SCALES[a.size] + SCALES[b.size]) + GAP;
  const alike = a.size === b.size && a.color === b.color && a.material === b.material && a.shape === b.shape;
  return !alike && Math.hypot(a.x - b.x, a.y - b.y) >= gap;
}

function isSound(scene: Scene): boolean {
  const { objects } = scene;
  if (!objects.every((a, i) => isPlace(placeOf(a)) && objects.slice(i + 1).every((b) => areClearAndDistinct(a, b))))
    return false;
  return (['center', 'left', 'right'] as const).every((view) => {
    const { visible, alone } = visibility(seenFrom(scene, view));
    return objects.every((_, i) => visible[i]! >= LEAST_SHARE * alone[i]!);
  });
}

/**
 * Draws an initial scene and what `level` changes make of it, both seen from the centre. The number of objects and the kinds of change
 * are fixed before rejection sampling, which would otherwise under-represent full scenes and moves.
 */
function sampleScenes(level: TransformationLevel, objects: number, random: Random): TransformationScenes {
  // Each kind stands here once for each object, so that no kind is drawn more often than there are objects to change.
  const kindsOfObjects = Array.from({ length: objects }, () => CHANGE_KINDS).flat();
  const kinds = random.shuffle(kindsOfObjects).slice(0, level);
  // This ends because an initial scene that no tried change suits is replaced by a new one after 20 tries.
  for (;;) {
    const initial = sampleGridScene(random, objects);
    for (let tries = 0; tries < 20; tries++) {
      const final: Scene = { ...initial, objects: initial.objects.map((object) => ({ ...object })) };
      for (const kind of CHANGE_KINDS) {
        const times = kinds.filter((drawn) => drawn === kind).length;
        for (const object of random.shuffle(final.objects).slice(0, times)) changeObject(object, kind, random);
      }
      if (isSound(final) && isUnambiguous({ initial, final })) return { initial, final };
    }
  }
}

/** Gives the object another value. A move goes one or two steps, even off the board: such a scene is refused later. */
function changeObject(object: SceneObject, kind: ChangeKind, random: Random): void {
  if (kind === 'position') {
    const [right, away] = DIRECTIONS[random.choice(CHANGE_VALUES.position)];
    const steps = random.range(1, 2) * GRID_STEP;
    object.x += right * steps;
    object.y += away * steps;
  } else {
    const others = (CHANGE_VALUES[kind] as readonly string[]).filter((value) => value !== object[kind]);
    Object.assign(object, { [kind]: random.choice(others) });
  }
}

/**
 * Draws one row, without its images: `drawTransformation(record.scene)` draws the two.
 *
 * @param domain `id`, `ood-left` or `ood-right`
 * @throws Error when it is another, or when more than 10 objects, or none, are asked for
 */
export function sampleTransformationRecord(
  domain: string,
  id: string,
  random: Random,
  options: TransformationOptions = {},
): TaskRecord {
  const view = domainOf('transformation', VIEWS, domain);
  const level = options.level ?? random.choice([1, 2, 3, 4] as const);
  const objects: readonly [number, number] = options.objects ?? [Math.max(2, level), level + 2];
  if (!(objects[0] >= 1 && objects[0] <= objects[1] && objects[1] <= 10)) {
    throw new Error(`transformation: objects must be 1 to 10, fewest first, got ${objects[0]} to ${objects[1]}`);
  }
  const { initial, final } = sampleScenes(level, random.range(...objects), random);
  const scene: TransformationScenes = { initial, final: seenFrom(final, view) };
  const program = solveTransformation(scene);
  return {
    id,
    image: [`${id}-initial.png`, `${id}-final.png`],
    problem: writeTransformationQuestion(initial),
    answer: writeCalls(program),
    cot: writeTransformationRationale(scene),
    task: 'transformation',
    family: `level-${level}`,
    domain,
    scene,
    program,
  };
}

/** The picture of a scene on the grid as the model sees it. */
export function drawGridScene(scene: Scene): RgbImage {
  return drawScene(scene, PICTURE_SIDE);
}

/** The initial and the final image. */
export function drawTransformation({ initial, final }: TransformationScenes): [RgbImage, RgbImage] {
  return [drawGridScene(initial), drawGridScene(final)];
}

/** Equal for two rows whose initial scenes are the same. View, light and grain do not count. */
export function transformationFingerprint({ initial }: TransformationScenes): string {
  return `grid-${sceneFingerprint(initial)}`;
}
