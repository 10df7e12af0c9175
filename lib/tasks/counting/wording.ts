/** The words of counting: questions, rationales, captions, and the arithmetic read back out of a rationale. */
import { COLORS, MATERIALS, type Scene, SHAPES, SIZES } from '../world/scene.js';
import { type Change, type CountingProgram, type Filter, intersection, runProgram } from './program.js';

const PLURALS: { readonly [noun: string]: string } = { bus: 'buses' };
const NOUNS: readonly string[] = [...SHAPES.blocks, ...SHAPES.vehicles, 'object'];

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

/** The question as CLEVR-Math would put it. */
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

/** What a class holds, object by object, and how many that is: "small red metal sphere, large red rubber sphere: 2". */
function tally(filter: Filter, objects: readonly Filter[]): string {
  // All objects are counted at a glance; those of a class are told one by one, as a class is what a glance gets wrong.
  const told = Object.keys(filter).length === 0 ? [] : objects.map((object) => describeFilter(pick(object), false));
  return [...(told.length > 0 ? [told.join(', ')] : []), String(objects.length)].join(': ');
}

/**
 * The rationale: what is counted in the image, then each change as one sum, such as
 * "objects: 7. red spheres: small red metal sphere, large red rubber sphere: 2. 7 - 2 = 5."
 */
export function writeRationale(program: CountingProgram, scene: Scene): string {
  const { start, effects } = runProgram(program, scene);
  const sentences = [`${describeFilter(program.ask)}: ${tally(program.ask, start)}.`];
  effects.forEach(({ change, before, difference, gone }, i) => {
    const size = Math.abs(difference);
    const sign = change.op === 'add' ? '+' : '-';
    const both = intersection(program.ask, change.filter);
    if (!both) sentences.push(`${describeFilter(change.filter)} are not ${describeFilter(program.ask)}.`);
    else if (change.op === 'subtract-all') {
      const earlier = effects.slice(0, i).some((effect) => effect.change.op !== 'add');
      sentences.push(`${describeFilter(both)}${earlier ? ' left' : ''}: ${tally(both, gone)}.`);
    }
    sentences.push(`${before} ${sign} ${size} = ${before + difference}.`);
  });
  if (program.target !== undefined)
    sentences.push(`${start.length} - ${program.target} = ${start.length - program.target}.`);
  return sentences.join(' ');
}

/**
 * Re-derives the answer from a rationale alone: the first count, then every sum in turn, each starting from the value
 * before it, using the count stated just before it, and adding up. Where a count's objects are told, they are of its class and as many.
 *
 * @returns the answer, or in words why there is none
 */
export function rederiveCounting(cot: string): number | string {
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return 'the rationale does not end with a full stop';
  let value: number | undefined;
  let stated: number | undefined;
  for (const sentence of sentences) {
    const sum = /^(\d+) ([+-]) (\d+) = (\d+)$/.exec(sentence);
    const count = /^([a-z ]+): (?:([a-z ,]+): )?(\d+)$/.exec(sentence);
    if (sum) {
      const [left, right, result] = [Number(sum[1]), Number(sum[3]), Number(sum[4])];
      if (value === undefined) return `'${sentence}' comes before anything was counted`;
      if (left !== value) return `'${sentence}' starts from ${left}, but ${value} is what was reached`;
      if (stated !== undefined && right !== stated) return `'${sentence}' uses ${right}, but ${stated} was counted`;
      const expected = sum[2] === '+' ? left + right : left - right;
      if (expected !== result) return `'${sentence}' is wrong: it makes ${expected}`;
      value = result;
      stated = undefined;
    } else if (count) {
      const fault = tallyFault(count[1]!, count[2], Number(count[3]));
      if (fault) return `'${sentence}' ${fault}`;
      if (value === undefined) value = Number(count[3]);
      else stated = Number(count[3]);
    } else if (/^[a-z ]+ are not [a-z ]+$/.test(sentence)) {
      stated = 0;
    } else {
      return `'${sentence}' is neither a count nor a sum`;
    }
  }
  if (value === undefined) return 'the rationale counts nothing';
  if (stated !== undefined) return 'the last count is not used';
  return value;
}

/** What is wrong with a count whose objects are told: undefined where nothing is, or where none are told. */
function tallyFault(named: string, told: string | undefined, count: number): string | undefined {
  if (told === undefined) return undefined;
  const objects = told.split(', ');
  if (objects.length !== count) return `tells ${objects.length} objects, but counts ${count}`;
  const words = named.replace(/ left$/, '').split(' ');
  const noun = words.pop()!;
  const singular = NOUNS.find((each) => (PLURALS[each] ?? `${each}s`) === noun);
  if (!singular) return `counts '${noun}', which is no kind of object`;
  const wanted = singular === 'object' ? words : [...words, singular];
  const stranger = objects.find((object) => !wanted.every((word) => object.split(' ').includes(word)));
  return stranger === undefined ? undefined : `counts '${stranger}' among ${named}`;
}

/** What stands where, object by object in reading order: "small red metal sphere, large blue rubber cube." */
export function writeCaption(scene: Scene): string {
  return `${scene.objects.map((object) => describeFilter(pick(object), false)).join(', ')}.`;
}

function pick({ size, color, material, shape }: Filter): Filter {
  return { size, color, material, shape };
}

/** Every word that texts of this task can hold: the attributes in singular and plural, and the words of the templates. */
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
