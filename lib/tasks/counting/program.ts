/** A counting question as a program over a scene: the changes to make in thought, and then what to count. It has one exact answer. */
import type { Attributes, Scene } from '../world/scene.js';

/** A class of objects by their attributes; {} is the class of all objects. */
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
  /** If set, the question is how many objects must be subtracted until this many are left. */
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

/** Whether an object belongs to a class; undefined when the object's description leaves it open. */
export function matches(object: Filter, filter: Filter): boolean | undefined {
  let open = false;
  for (const name of ATTRIBUTES) {
    if (filter[name] === undefined || filter[name] === object[name]) continue;
    if (object[name] !== undefined) return false;
    open = true;
  }
  return open ? undefined : true;
}

/** The class of the objects in both; undefined when there can be none. */
export function intersection(a: Filter, b: Filter): Filter | undefined {
  return ATTRIBUTES.some((name) => a[name] !== undefined && b[name] !== undefined && a[name] !== b[name])
    ? undefined
    : { ...a, ...b };
}

export function countMatching(scene: Scene, filter: Filter): number {
  return scene.objects.filter((object) => matches(object, filter)).length;
}

/** The effect of one change on what is asked: how many of the counted objects it takes away or brings. */
export interface Effect {
  change: Change;
  before: number;
  /** Negative when objects go. */
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
