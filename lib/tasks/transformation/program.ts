/** The changes between two images: function calls on the objects of a grid, as TRANCE defines them. */
import { COLORS, type Scene, type SceneObject, SHAPES } from '../world/scene.js';

/** The steps of a direction, to the right and away from the viewer of the initial image. */
export const DIRECTIONS = {
  front: [0, -1],
  behind: [0, 1],
  left: [-1, 0],
  right: [1, 0],
  front_left: [-1, -1],
  front_right: [1, -1],
  behind_left: [-1, 1],
  behind_right: [1, 1],
} as const;
export type Direction = keyof typeof DIRECTIONS;

/** The kinds of change in the order in which answers name them, each with its values. */
export const CHANGE_VALUES = {
  size: ['small', 'medium', 'large'],
  color: COLORS,
  material: ['glass', 'metal', 'rubber'],
  shape: SHAPES.blocks,
  position: Object.keys(DIRECTIONS) as Direction[],
} as const;
export type ChangeKind = keyof typeof CHANGE_VALUES;
export const CHANGE_KINDS = Object.keys(CHANGE_VALUES) as ChangeKind[];

/** World units between neighbouring places, and places a side: TRANCE's visible grid, -3 to 3 in steps of 1.5. */
export const GRID_STEP = 1.5;
export const GRID_SIDE = 5;

/**
 * A place of the grid: column from the left and row from the front, 0 to 4, as the viewer of the initial image counts them. The four
 * corners are no places; without them the board fills the picture from the sides as it does from the centre.
 */
export type Place = readonly [column: number, row: number];

export function placeOf({ x, y }: { x: number; y: number }): Place {
  return [Math.round(x / GRID_STEP) + 2, Math.round(y / GRID_STEP) + 2];
}

export function isPlace(place: Place): boolean {
  const last = GRID_SIDE - 1;
  return place.every((index) => index >= 0 && index <= last) && !place.every((index) => index === 0 || index === last);
}

/** The direction from one place to another that lies straight or diagonally from it; undefined for any other. */
export function directionBetween([c0, r0]: Place, [c1, r1]: Place): Direction | undefined {
  const [dc, dr] = [c1 - c0, r1 - r0];
  if (dc !== 0 && dr !== 0 && Math.abs(dc) !== Math.abs(dr)) return undefined;
  return CHANGE_VALUES.position.find((name) => {
    const [c, r] = DIRECTIONS[name];
    return c === Math.sign(dc) && r === Math.sign(dr);
  });
}

/** The direction between two places that texts name, such as "0 3": undefined when they are one, or the reason, in words, why there is none. */
export function moveBetween(was: string, is: string): Direction | undefined | { reason: string } {
  const [from, to] = [was, is].map((text) => text.split(' ').map(Number) as unknown as Place) as [Place, Place];
  if (!isPlace(from) || !isPlace(to)) return { reason: 'a place is not on the grid' };
  if (was === is) return undefined;
  return directionBetween(from, to) ?? { reason: 'the move follows none of the eight directions' };
}

/** One change: the object's index in the initial list, the kind of change and the new value; plain JSON. */
export interface Transformation {
  object: number;
  kind: ChangeKind;
  value: string;
}

/** The two scenes behind a row, the same objects in the same order; plain JSON. */
export interface TransformationScenes {
  initial: Scene;
  final: Scene;
}

/** A call as answers write it: "change_color(0,red)". */
export function writeCall({ object, kind, value }: Transformation): string {
  return `change_${kind}(${object},${value})`;
}

/** The answer's text: calls in the order of objects, then of kinds. */
export function writeCalls(changes: readonly Transformation[]): string {
  return changes.map(writeCall).join(', ');
}

/** Whether two objects differ by a change of the kind. */
function differs(a: SceneObject, b: SceneObject, kind: ChangeKind): boolean {
  return kind === 'position' ? a.x !== b.x || a.y !== b.y : a[kind] !== b[kind];
}

/**
 * The changes that lead from one scene to the other, ordered.
 *
 * @throws Error when an object moved along none of the eight directions
 */
export function solveTransformation({ initial, final }: TransformationScenes): Transformation[] {
  return initial.objects.flatMap((before, object) => {
    const after = final.objects[object]!;
    return CHANGE_KINDS.filter((kind) => differs(before, after, kind)).map((kind): Transformation => {
      if (kind !== 'position') return { object, kind, value: after[kind] };
      const value = directionBetween(placeOf(before), placeOf(after));
      if (!value) throw new Error(`transformation: object ${object} moved along none of the eight directions`);
      return { object, kind, value };
    });
  });
}

/** Whether the changes are the only shortest account of the two images: no other pairing of their objects needs as few. */
export function isUnambiguous({ initial, final }: TransformationScenes): boolean {
  const cost = initial.objects.map((a) =>
    final.objects.map((b) => CHANGE_KINDS.filter((kind) => differs(a, b, kind)).length),
  );
  const stated = cost.reduce((sum, row, i) => sum + row[i]!, 0);
  const taken = new Set<number>();
  const otherWithin = (object: number, left: number, same: boolean): boolean => {
    if (object === cost.length) return !same;
    return cost[object]!.some((c, other) => {
      if (c > left || taken.has(other)) return false;
      taken.add(other);
      const exists = otherWithin(object + 1, left - c, same && other === object);
      taken.delete(other);
      return exists;
    });
  };
  return !otherWithin(0, stated, true);
}
