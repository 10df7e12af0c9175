/** A counting question as a program over a scene: changes to make in thought, then what to count. Solved exactly. */
import type { Attributes, Scene } from '../world/scene.js';

/** Objects that have all the attributes named; {} is every object. */
export type Filter = Partial<Attributes>;

export type Change =
  | { op: 'subtract-all'; filter: Filter }
  | { op: 'subtract'; count: number; filter: Filter }
  | { op: 'add'; count: number; filter: Filter };

/** Plain JSON, kept with the record. */
export interface CountingProgram {
  changes: Change[];
  /** What is counted at the end. */
  ask: Filter;
  /** Where given, the question is how many must be subtracted to be left with this many. */
  target?: number;
}

/** Question families; the last two are never trained on. */
export const TRAINED_FAMILIES = [
  'count',
  'addition',
  'subtract-all',
  'subtract-some',
  'needed',
  'adversarial',
  'two-hop',
] as const;
export const UNSEEN_FAMILIES = ['subtract-and-add', 'three-hop'] as const;
export type CountingFamily = (typeof TRAINED_FAMILIES)[number] | (typeof UNSEEN_FAMILIES)[number];

const ATTRIBUTES = ['size', 'color', 'material', 'shape'] as const;

/** Whether an object is among those of a filter; undefined where the object's description leaves it open. */
export function matches(object: Filter, filter: Filter): boolean | undefined {
  let open = false;
  for (const name of ATTRIBUTES) {
    if (filter[name] === undefined || filter[name] === object[name]) continue;
    if (object[name] !== undefined) return false;
    open = true;
  }
  return open ? undefined : true;
}

/** The filter of objects in both, or undefined where no object can be. */
export function intersection(a: Filter, b: Filter): Filter | undefined {
  return ATTRIBUTES.some((name) => a[name] !== undefined && b[name] !== undefined && a[name] !== b[name])
    ? undefined
    : { ...a, ...b };
}

export function countMatching(scene: Scene, filter: Filter): number {
  return scene.objects.filter((object) => matches(object, filter)).length;
}

/** One change as it bears on what is asked: how many of the counted objects it takes away or brings. */
export interface Effect {
  change: Change;
  before: number;
  /** Negative where objects go. */
  difference: number;
  /** The counted objects that go. */
  gone: Filter[];
}

/**
 * Runs a program: the objects counted at first, what each change does to them, and the answer.
 *
 * @throws Error when the program cannot be answered: it subtracts more than there are, or leaves open what is asked
 */
export function runProgram(
  program: CountingProgram,
  scene: Scene,
): { start: Filter[]; effects: Effect[]; answer: number } {
  let objects: Filter[] = [...scene.objects];
  const counted = () =>
    objects.filter((object) => {
      const match = matches(object, program.ask);
      if (match === undefined) throw new Error('the question leaves open whether an added object counts');
      return match;
    });
  const start = counted();
  let now = start;
  const effects = program.changes.map((change): Effect => {
    const before = now;
    if (change.op === 'add') {
      objects = [...objects, ...Array<Filter>(change.count).fill(change.filter)];
    } else {
      const hit = objects.filter((object) => matches(object, change.filter) === true);
      if (change.op === 'subtract' && hit.length < change.count) {
        throw new Error(`the question subtracts ${change.count} objects, but only ${hit.length} are there`);
      }
      const gone = new Set(change.op === 'subtract' ? hit.slice(0, change.count) : hit);
      objects = objects.filter((object) => !gone.has(object));
    }
    now = counted();
    const gone = before.filter((object) => !objects.includes(object));
    return { change, before: before.length, difference: now.length - before.length, gone };
  });
  return { start, effects, answer: program.target === undefined ? now.length : now.length - program.target };
}

/** The answer, from the scene alone. */
export function solveCounting(program: CountingProgram, scene: Scene): number {
  return runProgram(program, scene).answer;
}
