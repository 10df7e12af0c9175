/**
 * Changes worked out in the base model's own notation, object by object, as its pretraining shows them. The calls can be read back out of
 * one.
 */
import type { Rederivation } from '../task.js';
import {
  CHANGE_KINDS,
  CHANGE_VALUES,
  type ChangeKind,
  moveBetween,
  placeOf,
  solveTransformation,
  type TransformationScenes,
  writeCall,
} from './program.js';
import { readInitialObjects } from './wording.js';

/** The attributes of an object's look, in the order in which a solution compares them. */
const LOOK = CHANGE_KINDS.filter((kind) => kind !== 'position');

/**
 * The solution. For each object it says where it stood and where it stands, then each attribute as the question lists it and as the second
 * picture shows it. Where the two differ, the call follows. An example:
 * "0 1 2 to 1 2: small small red blue change_color(0,blue) metal metal cube cube. 1 0 3 to 2 3: large large red red rubber rubber
 * sphere sphere change_position(1,right)."
 *
 * The two values that are compared stand side by side, because a small model sees a difference of neighbours, but only guesses at one
 * of sentences.
 */
export function writeTransformationSolution(scenes: TransformationScenes): string {
  const changes = solveTransformation(scenes);
  const sentences = scenes.initial.objects.map((before, object) => {
    const after = scenes.final.objects[object]!;
    const call = (kind: ChangeKind) =>
      changes.filter((change) => change.object === object && change.kind === kind).map(writeCall);
    const compared = LOOK.flatMap((kind) => [before[kind], after[kind], ...call(kind)]);
    const [was, is] = [placeOf(before), placeOf(after)].map((place) => place.join(' '));
    return `${object} ${was} to ${is}: ${[...compared, ...call('position')].join(' ')}.`;
  });
  return sentences.join(' ');
}

/** A sentence: where an object stood, where it stands, and the rest. */
const TOLD = /^(\d+) (\d \d) to (\d \d): (.+)$/;

/** Derives the answer again from the solution and the question's list of initial objects alone. */
export function rederiveTransformationSolution(cot: string, problem: string): Rederivation {
  const objects = readInitialObjects(problem);
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return { reason: 'the solution does not end with a full stop' };
  const calls: string[] = [];
  for (const [object, listed] of objects.entries()) {
    const sentence = sentences.shift() ?? '';
    const match = TOLD.exec(sentence);
    if (!match || Number(match[1]) !== object) return { reason: `'${sentence}' does not tell of object ${object}` };
    const [, , was, is, rest] = match;
    const words = rest!.split(' ');
    const fault = (reason: string) => ({ reason: `'${sentence}': ${reason}` });
    const takeCall = (kind: ChangeKind, value: string) => {
      const call = writeCall({ object, kind, value });
      const stated = words.shift() ?? '';
      calls.push(call);
      return stated === call ? undefined : fault(`this makes ${call}, not '${stated}'`);
    };
    for (const kind of LOOK) {
      const [before, after = ''] = [words.shift(), words.shift()];
      if (before !== listed[kind]) return fault(`object ${object} is listed as ${listed[kind]}, not ${before}`);
      if (!(CHANGE_VALUES[kind] as readonly string[]).includes(after)) return fault(`${after} is not a ${kind}`);
      const wrong = after === before ? undefined : takeCall(kind, after);
      if (wrong) return wrong;
    }
    const moved = moveBetween(was!, is!);
    if (typeof moved === 'object') return fault(moved.reason);
    const wrong = moved === undefined ? undefined : takeCall('position', moved);
    if (wrong) return wrong;
    if (words.length > 0) return fault(`'${words.join(' ')}' comes after all that changed`);
  }
  if (sentences.length > 0) return { reason: `'${sentences[0]}' comes after the last object` };
  if (calls.length === 0) return { reason: 'the solution names no change' };
  return { answer: calls.join(', ') };
}
