/**
 * Rationales of spatial transformation as an annotator writes them: a sentence for each change, and nothing on what stayed. The calls can
 * be read back out of one.
 */
import type { Rederivation } from '../task.js';
import type { Attributes } from '../world/scene.js';
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

/**
 * The rationale, such as "the color of object 0 has changed, red to blue, that is change_color(0,blue). the position of object 1 has
 * changed, 0 3 to 2 3, that is change_position(1,right)."
 */
export function writeTransformationRationale(scenes: TransformationScenes): string {
  const sentences = solveTransformation(scenes).map((change) => {
    const { object, kind } = change;
    const [was, is] = [scenes.initial, scenes.final].map((scene) => {
      const changed = scene.objects[object]!;
      return kind === 'position' ? placeOf(changed).join(' ') : changed[kind];
    });
    return `the ${kind} of object ${object} has changed, ${was} to ${is}, that is ${writeCall(change)}.`;
  });
  return sentences.join(' ');
}

/** A sentence: the kind of change, the object, the value before and after, and the call. */
const CHANGED = /^the (\w+) of object (\d+) has changed, (\w+|\d \d) to (\w+|\d \d), that is (\S+)$/;

/** Derives the answer again from the rationale and the question's list of initial objects alone. */
export function rederiveTransformationRationale(cot: string, problem: string): Rederivation {
  const objects = readInitialObjects(problem);
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return { reason: 'the rationale does not end with a full stop' };
  const calls: string[] = [];
  let before = -1;
  for (const sentence of sentences) {
    const fault = (reason: string) => ({ reason: `'${sentence}': ${reason}` });
    const [, named, id, was, is, stated] = CHANGED.exec(sentence) ?? [];
    const order = CHANGE_KINDS.indexOf(named as ChangeKind);
    if (order < 0) return fault('this names no change');
    const object = objects[Number(id)];
    if (!object) return fault(`there is no object ${id} in the list`);
    const place = Number(id) * CHANGE_KINDS.length + order;
    if (place <= before) return fault('changes must stand in the order of objects, then of kinds, each once');
    before = place;
    const kind = CHANGE_KINDS[order]!;
    const value = newValue(object, kind, was!, is!);
    if (typeof value === 'object') return fault(value.reason);
    const call = writeCall({ object: Number(id), kind, value });
    if (stated !== call) return fault(`this makes ${call}, not '${stated}'`);
    calls.push(call);
  }
  return calls.length > 0 ? { answer: calls.join(', ') } : { reason: 'the rationale names no change' };
}

/** The value that a change's call must have, or the reason, in words, why there is no such change. */
function newValue(object: Attributes, kind: ChangeKind, was: string, is: string): string | { reason: string } {
  if (kind === 'position') return moveBetween(was, is) ?? { reason: 'nothing moves' };
  if (was !== object[kind]) return { reason: `the object is listed as ${object[kind]}, not ${was}` };
  if (was === is) return { reason: 'nothing changes' };
  return (CHANGE_VALUES[kind] as readonly string[]).includes(is) ? is : { reason: `${is} is not a ${kind}` };
}
