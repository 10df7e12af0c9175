/**
 * Rationales of counting as an annotator writes them, in whole sentences and with counts taken at a glance. The answer can be read back
 * out of one.
 */
import type { Scene } from '../world/scene.js';
import { type CountingProgram, type Effect, intersection, runProgram } from './program.js';
import { describeFilter } from './wording.js';

/**
 * The rationale, such as "the image has 7 objects. 2 of the objects are red spheres, and that is 7 - 2 = 5. the answer is 5."
 *
 * It does not list the objects that are counted. An annotator knows how many there are, as those of the released dataset did.
 */
export function writeCountingRationale(program: CountingProgram, scene: Scene): string {
  const { start, effects, answer } = runProgram(program, scene);
  const sentences = [`the image has ${start.length} ${describeFilter(program.ask, start.length !== 1)}.`];
  effects.forEach((effect, i) => {
    const earlier = effects.slice(0, i).some(({ change }) => change.op !== 'add');
    sentences.push(writeEffect(program, effect, earlier));
  });
  if (program.target !== undefined)
    sentences.push(`to get ${program.target}, that is ${sum(start.length, '-', program.target)}.`);
  return [...sentences, `the answer is ${answer}.`].join(' ');
}

function writeEffect({ ask }: CountingProgram, { change, before, difference }: Effect, earlier: boolean): string {
  const asked = describeFilter(ask);
  if (!intersection(ask, change.filter)) {
    return `the ${describeFilter(change.filter)} are not ${asked}, and the number is ${before}.`;
  }
  const size = Math.abs(difference);
  if (change.op === 'add') return `with ${size} others, that is ${sum(before, '+', size)}.`;
  if (change.op === 'subtract') return `${size} must be subtracted, and that is ${sum(before, '-', size)}.`;
  const gone = size === 1 ? `is a ${describeFilter(change.filter, false)}` : `are ${describeFilter(change.filter)}`;
  return `${size} of the ${asked}${earlier ? ' left' : ''} ${gone}, and that is ${sum(before, '-', size)}.`;
}

function sum(left: number, sign: '+' | '-', right: number): string {
  return `${left} ${sign} ${right} = ${sign === '+' ? left + right : left - right}`;
}

/** A sentence after the first: a number and a sum with it, or the number that stays as it is. */
const SUM =
  /^(?:with (\d+) others, |(\d+) (?:must be subtracted|of the [a-z ]+ (?:are|is a) [a-z ]+), and |to get (\d+), )that is (\d+) ([+-]) (\d+) = (\d+)$/;
const KEPT = /^the [a-z ]+ are not [a-z ]+, and the number is (\d+)$/;

/**
 * Derives the answer again from a rationale alone. It begins with the first count. Each sum must start from the value before it, use the
 * number that its sentence states, and add up. The value reached in the end must be the answer stated. The names of classes are not
 * compared.
 *
 * @returns the answer, or the reason, in words, why there is none
 */
export function rederiveCountingRationale(cot: string): number | string {
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return 'the rationale does not end with a full stop';
  const counted = /^the image has (\d+) [a-z ]+$/.exec(sentences.shift() ?? '');
  const stated = /^the answer is (-?\d+)$/.exec(sentences.pop() ?? '');
  if (!counted) return 'the rationale counts nothing in the image';
  if (!stated) return 'the rationale does not state the answer';
  let value = Number(counted[1]);
  for (const sentence of sentences) {
    const kept = KEPT.exec(sentence);
    const worked = SUM.exec(sentence);
    if (kept) {
      if (Number(kept[1]) !== value) return `'${sentence}', but ${value} is what was reached`;
    } else if (worked) {
      const [added, taken, target, left, sign, right, result] = worked.slice(1);
      const said = added ?? taken ?? target;
      if (Number(left) !== value) return `'${sentence}' starts from ${left}, but ${value} is what was reached`;
      if (right !== said) return `'${sentence}' uses ${right}, but says ${said}`;
      if ((sign === '+') !== (added !== undefined)) return `'${sentence}' has the wrong sign`;
      value += (sign === '+' ? 1 : -1) * Number(right);
      if (Number(result) !== value) return `'${sentence}' is wrong: it makes ${value}`;
    } else {
      return `'${sentence}' says nothing of how many there are`;
    }
  }
  return Number(stated[1]) === value
    ? value
    : `the answer is said to be ${stated[1]}, but ${value} is what was reached`;
}
