/**
 * Counting questions worked out in the base model's own notation, object by object, as its pretraining shows them. The answer can be read
 * back out of one.
 */
import type { Scene } from '../world/scene.js';
import { type CountingProgram, type Filter, intersection, runProgram } from './program.js';
import { attributesOf, describeFilter, NOUNS, PLURALS } from './wording.js';

/** The objects of a class one by one, and their number: "small red metal sphere, large red rubber sphere: 2". */
function tallyText(filter: Filter, objects: readonly Filter[]): string {
  // The objects of a class are listed one by one, because a glance gets their number wrong. A glance counts *all* objects correctly, so
  // those are not listed.
  const listed =
    Object.keys(filter).length === 0 ? [] : objects.map((object) => describeFilter(attributesOf(object), false));
  return [...(listed.length > 0 ? [listed.join(', ')] : []), String(objects.length)].join(': ');
}

/**
 * The solution: what is counted in the image, then each change as one sum, such as
 * "objects: 7. red spheres: small red metal sphere, large red rubber sphere: 2. 7 - 2 = 5."
 */
export function writeCountingSolution(program: CountingProgram, scene: Scene): string {
  const { start, effects } = runProgram(program, scene);
  const sentences = [`${describeFilter(program.ask)}: ${tallyText(program.ask, start)}.`];
  effects.forEach(({ change, before, difference, gone }, i) => {
    const size = Math.abs(difference);
    const sign = change.op === 'add' ? '+' : '-';
    const affectedClass = intersection(program.ask, change.filter);
    if (!affectedClass) sentences.push(`${describeFilter(change.filter)} are not ${describeFilter(program.ask)}.`);
    else if (change.op === 'subtract-all') {
      const earlier = effects.slice(0, i).some((effect) => effect.change.op !== 'add');
      sentences.push(`${describeFilter(affectedClass)}${earlier ? ' left' : ''}: ${tallyText(affectedClass, gone)}.`);
    }
    sentences.push(`${before} ${sign} ${size} = ${before + difference}.`);
  });
  if (program.target !== undefined)
    sentences.push(`${start.length} - ${program.target} = ${start.length - program.target}.`);
  return sentences.join(' ');
}

/**
 * Derives the answer again from a solution alone. The value starts as the first count. Each sum must start from the value before it, use the
 * count stated just before it, and add up. Objects that are listed before a count must be of its class, and as many as it says.
 *
 * @returns the answer, or the reason, in words, why there is none
 */
export function rederiveCountingSolution(cot: string): number | string {
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return 'the solution does not end with a full stop';
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
  if (value === undefined) return 'the solution counts nothing';
  if (stated !== undefined) return 'the last count is not used';
  return value;
}

/** Says what is wrong with the list of objects before a count; undefined when nothing is, or when there is no list. */
function tallyFault(named: string, list: string | undefined, count: number): string | undefined {
  if (list === undefined) return undefined;
  const objects = list.split(', ');
  if (objects.length !== count) return `lists ${objects.length} objects, but counts ${count}`;
  const words = named.replace(/ left$/, '').split(' ');
  const noun = words.pop()!;
  const singular = NOUNS.find((known) => (PLURALS[known] ?? `${known}s`) === noun);
  if (!singular) return `counts '${noun}', which is no kind of object`;
  const wanted = singular === 'object' ? words : [...words, singular];
  const stranger = objects.find((object) => !wanted.every((word) => object.split(' ').includes(word)));
  return stranger === undefined ? undefined : `counts '${stranger}' among ${named}`;
}
