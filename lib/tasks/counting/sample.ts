/** Draws counting rows: a scene, a question about it, the rationale and the answer from scene truth. */

import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { domainOf } from '../domain.js';
import { sampleScene } from '../world/sample-scene.js';
import { COLORS, type Look, MATERIALS, type Scene, SHAPES, SIZES } from '../world/scene.js';
import {
  type CountingFamily,
  type CountingProgram,
  countMatching,
  type Filter,
  intersection,
  runProgram,
  TRAINED_FAMILIES,
  UNSEEN_FAMILIES,
} from './program.js';
import { writeCountingRationale } from './rationale.js';
import { writeQuestion } from './wording.js';

/** What each domain shows and asks. Models are trained on blocks; vehicles on grass, and then other question families, only test them. */
const DOMAINS: { readonly [domain: string]: { look: Look; families: readonly CountingFamily[] } } = {
  id: { look: 'blocks', families: TRAINED_FAMILIES },
  'ood-look': { look: 'vehicles', families: TRAINED_FAMILIES },
  'ood-look-question': { look: 'vehicles', families: UNSEEN_FAMILIES },
};

/** The share of questions that are kept, by answer. Small answers come up most, and would make a constant guess good. */
const KEEP: { readonly [answer: number]: number } = { 0: 0.3, 1: 0.5, 2: 0.75 };
const MOST = 9;

/**
 * Draws one row, without its image: `drawScene(record.scene)` draws that.
 *
 * @param domain `id`, `ood-look` or `ood-look-question`
 * @throws Error when it is another
 */
export function sampleCountingRecord(domain: string, id: string, random: Random): TaskRecord {
  const { look, families } = domainOf('counting', DOMAINS, domain);
  const scene = sampleScene(look, random);
  const family = random.choice(families);
  const program = sampleProgram(family, scene, random);
  return {
    id,
    image: `${id}.png`,
    problem: writeQuestion(program),
    answer: String(runProgram(program, scene).answer),
    cot: writeCountingRationale(program, scene),
    task: 'counting',
    family,
    domain,
    scene,
    program,
  };
}

/** Draws a question of a family that the scene can answer. */
export function sampleProgram(family: CountingFamily, scene: Scene, random: Random): CountingProgram {
  for (;;) {
    const program = propose(family, scene, random);
    if (!program) continue;
    const { answer } = runProgram(program, scene);
    if (answer <= MOST && random.chance(KEEP[answer] ?? 1)) return program;
  }
}

/** Draws a class by one or two attributes, mostly those of an object that the scene holds. */
export function sampleFilter(scene: Scene, random: Random): Filter {
  const model = random.chance(0.85)
    ? random.choice(scene.objects)
    : {
        size: random.choice(SIZES),
        color: random.choice(COLORS),
        material: random.choice(MATERIALS),
        shape: random.choice(SHAPES[scene.look]),
      };
  const names = random.shuffle(['size', 'color', 'material', 'shape', 'color', 'shape'] as const);
  const filter: Filter = {};
  for (const name of names.slice(0, random.chance(0.6) ? 1 : 2)) Object.assign(filter, { [name]: model[name] });
  return filter;
}

/** Draws a program of the family; undefined when the draw makes none. */
function propose(family: CountingFamily, scene: Scene, random: Random): CountingProgram | undefined {
  const filter = sampleFilter(scene, random);
  const everything = random.chance(0.5);
  switch (family) {
    case 'count':
      return { changes: [], ask: random.chance(0.15) ? {} : filter };
    case 'addition': {
      const change = { op: 'add', count: random.range(1, 4), filter } as const;
      return { changes: [change], ask: everything ? {} : part(filter, random) };
    }
    case 'subtract-all':
      return { changes: [{ op: 'subtract-all', filter }], ask: everything ? {} : part(filter, random, true) };
    case 'subtract-some': {
      const there = countMatching(scene, filter);
      if (there === 0) return undefined;
      const change = { op: 'subtract', count: random.range(1, there), filter } as const;
      return { changes: [change], ask: everything ? {} : part(filter, random) };
    }
    case 'needed': {
      const there = countMatching(scene, filter);
      return there < 1 ? undefined : { changes: [], ask: filter, target: random.range(0, there - 1) };
    }
    case 'adversarial': {
      const ask = sampleFilter(scene, random);
      return intersection(ask, filter) ? undefined : { changes: [{ op: 'subtract-all', filter }], ask };
    }
    case 'two-hop':
      return hops(2, scene, random);
    case 'three-hop':
      return hops(3, scene, random);
    case 'subtract-and-add': {
      const added = sampleFilter(scene, random);
      const add = { op: 'add', count: random.range(1, 4), filter: added } as const;
      return { changes: [{ op: 'subtract-all', filter }, add], ask: {} };
    }
  }
}

/** A class as wide as the filter or wider: some of its attributes, or all when there is but one. When `strict`, always a wider one. */
function part(filter: Filter, random: Random, strict = false): Filter {
  const names = random.shuffle(Object.keys(filter) as (keyof Filter)[]);
  const kept = names.length === 1 ? (strict ? [] : names) : names.slice(0, 1);
  return Object.fromEntries(kept.map((name) => [name, filter[name]]));
}

/** A program that takes away several classes one after the other; undefined when two of them are the same. */
function hops(count: number, scene: Scene, random: Random): CountingProgram | undefined {
  const filters = Array.from({ length: count }, () => sampleFilter(scene, random));
  if (new Set(filters.map((filter) => JSON.stringify(filter))).size < count) return undefined;
  return { changes: filters.map((filter) => ({ op: 'subtract-all', filter })), ask: {} };
}
