/** The words of counting: questions and captions. */
import { COLORS, MATERIALS, type Scene, SHAPES, SIZES } from '../world/scene.js';
import type { Change, CountingProgram, Filter } from './program.js';

export const PLURALS: { readonly [noun: string]: string } = { bus: 'buses' };
export const NOUNS: readonly string[] = [...SHAPES.blocks, ...SHAPES.vehicles, 'object'];

/** "small red metal spheres", "red objects"; singular for one. */
export function describeFilter(filter: Filter, plural = true): string {
  const noun = filter.shape ?? 'object';
  const named = plural ? (PLURALS[noun] ?? `${noun}s`) : noun;
  return [filter.size, filter.color, filter.material, named].filter(Boolean).join(' ');
}

function describeChange(change: Change): string {
  if (change.op === 'subtract-all') return `Subtract all ${describeFilter(change.filter)}.`;
  const verb = change.op === 'add' ? 'Add' : 'Subtract';
  return `${verb} ${change.count} ${describeFilter(change.filter, change.count !== 1)}.`;
}

/** The question in CLEVR-Math's words. */
export function writeQuestion(program: CountingProgram): string {
  const asked = describeFilter(program.ask);
  if (program.target !== undefined) {
    const rest = describeFilter(program.ask, program.target !== 1);
    return `How many ${asked} must be subtracted to get ${program.target} ${rest}?`;
  }
  const changes = program.changes.map(describeChange);
  const last = program.changes.at(-1)?.op;
  const end = last === undefined ? 'are there' : last === 'add' ? 'exist' : 'are left';
  return [...changes, `How many ${asked} ${end}?`].join(' ');
}

/** The caption: the objects in reading order, such as "small red metal sphere, large blue rubber cube." */
export function writeCaption(scene: Scene): string {
  return `${scene.objects.map((object) => describeFilter(attributesOf(object), false)).join(', ')}.`;
}

/** An object's attributes alone. */
export function attributesOf({ size, color, material, shape }: Filter): Filter {
  return { size, color, material, shape };
}

/**
 * Every word that questions, captions and solutions of this task can hold: the attributes in singular and plural, and the words of the
 * templates.
 */
export function countingVocabulary(): string[] {
  const sample: CountingProgram = {
    changes: [
      { op: 'subtract-all', filter: {} },
      { op: 'add', count: 1, filter: {} },
      { op: 'subtract', count: 1, filter: {} },
    ],
    ask: {},
  };
  const templates = [
    writeQuestion(sample),
    writeQuestion({ ...sample, changes: sample.changes.slice(0, 2) }),
    writeQuestion({ changes: [], ask: {} }),
    writeQuestion({ changes: [], ask: {}, target: 1 }),
    'objects left: 1. objects are not objects. + - = ,',
  ];
  const words = templates.join(' ').match(/[A-Za-z]+|[^\sA-Za-z\d]/g) as string[];
  return [
    ...new Set([
      ...SIZES,
      ...COLORS,
      ...MATERIALS,
      ...NOUNS,
      ...NOUNS.map((noun) => PLURALS[noun] ?? `${noun}s`),
      ...words,
    ]),
  ];
}
