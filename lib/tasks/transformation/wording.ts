/** The words of spatial transformation: questions, rationales, captions, and the calls read back out of a rationale. */
import type { PromptStyle } from '../prompts.js';
import { cameraFrame } from '../world/camera.js';
import type { Attributes, Scene } from '../world/scene.js';
import {
  CHANGE_KINDS,
  CHANGE_VALUES,
  type ChangeKind,
  directionBetween,
  isPlace,
  type Place,
  placeOf,
  solveTransformation,
  type TransformationScenes,
  writeCall,
} from './program.js';

const TUPLE = ['shape', 'size', 'color', 'material'] as const;

/** The question: the initial objects as (object_id,shape,size,color,material), without their places. */
export function writeTransformationQuestion(initial: Scene): string {
  const tuples = initial.objects.map((object, id) => `(${[id, ...TUPLE.map((name) => object[name])].join(',')})`);
  return `Initial objects: ${tuples.join(' ')}. What has changed?`;
}

/** The initial objects as the question lists them; object_id is the index. */
export function readInitialObjects(problem: string): Attributes[] {
  return [...problem.matchAll(/\(\d+,(\w+),(\w+),(\w+),(\w+)\)/g)].map(
    ([, shape, size, color, material]) => ({ shape, size, color, material }) as Attributes,
  );
}

const INSTRUCTIONS: { readonly [style in PromptStyle]: string } = {
  think: ' Output the thinking process in <think> </think> and final answer (calls) in <answer> </answer> tags.',
  direct: ' Answer with calls.',
  bare: '',
};

/** The user's text of this task: the question and the style's instruction. */
export function writeTransformationPrompt(problem: string, style: PromptStyle): string {
  return `${problem}${INSTRUCTIONS[style]}`;
}

/** What an object's look is made of, in the order in which a rationale compares it. */
const LOOK = CHANGE_KINDS.filter((kind) => kind !== 'position');

/**
 * The rationale: object by object where it stood and where it stands, then each attribute as it is listed and as it is seen, with the
 * call that follows where the two differ, such as
 * "0 1 2 to 1 2: small small red blue change_color(0,blue) metal metal cube cube. 1 0 3 to 2 3: large large red red rubber rubber
 * sphere sphere change_position(1,right)."
 *
 * What is to be compared stands side by side: a small model reads off a difference of neighbours, and guesses at one of sentences.
 */
export function writeTransformationRationale(scenes: TransformationScenes): string {
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

/** A rationale's answer, or in words why there is none. */
export type Rederived = { answer: string } | { reason: string };

/** Where an object stood and stands, and all that is said of it. */
const TOLD = /^(\d+) (\d \d) to (\d \d): (.+)$/;

/** Re-derives the answer from the rationale and the question's list of initial objects alone. */
export function rederiveTransformation(cot: string, problem: string): Rederived {
  const objects = readInitialObjects(problem);
  const sentences = cot.split('.').map((sentence) => sentence.trim());
  if (sentences.pop() !== '') return { reason: 'the rationale does not end with a full stop' };
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
    const moved = direction(was!, is!);
    if (typeof moved === 'object') return fault(moved.reason);
    const wrong = moved === undefined ? undefined : takeCall('position', moved);
    if (wrong) return wrong;
    if (words.length > 0) return fault(`'${words.join(' ')}' comes after all that changed`);
  }
  if (sentences.length > 0) return { reason: `'${sentences[0]}' comes after the last object` };
  if (calls.length === 0) return { reason: 'the rationale names no change' };
  return { answer: calls.join(', ') };
}

/** The direction of a move; undefined where there is none. */
function direction(was: string, is: string): string | undefined | { reason: string } {
  const [from, to] = [was, is].map((text) => text.split(' ').map(Number) as unknown as Place) as [Place, Place];
  if (!isPlace(from) || !isPlace(to)) return { reason: 'a place is not on the grid' };
  if (was === is) return undefined;
  return directionBetween(from, to) ?? { reason: 'the move follows none of the eight directions' };
}

/**
 * Objects with their places, from the far side of the picture to the near one and from left to right, as this camera sees them:
 * "small red metal cube 1 4, ..."
 */
export function writeTransformationCaption(scene: Scene): string {
  const { right } = cameraFrame(scene.camera);
  const rounded = (v: number) => Math.round(v * 10) / 10;
  // How far to the right, and how far away, on the ground.
  const placed = scene.objects.map((object) => ({
    object,
    across: rounded(object.x * right[0] + object.y * right[1]),
    away: rounded(object.y * right[0] - object.x * right[1]),
  }));
  placed.sort((a, b) => b.away - a.away || a.across - b.across);
  const told = placed.map(({ object: o }) => `${o.size} ${o.color} ${o.material} ${o.shape} ${placeOf(o).join(' ')}`);
  return `${told.join(', ')}.`;
}

/**
 * Every token's text that this task can hold beside digits and the tags. A call splits as change|_color|(|0|,red|), so a
 * name's second part carries its underscore and a value its comma.
 */
export function transformationVocabulary(): string[] {
  const values = [...CHANGE_KINDS.filter((kind) => kind !== 'position').flatMap((kind) => [...CHANGE_VALUES[kind]])];
  const text = `Initial objects has changed to ${Object.values(INSTRUCTIONS).join(' ')}`.replaceAll(/<\/?\w+>/g, ' ');
  return [
    ...new Set([
      ...values,
      ...values.map((value) => `,${value}`),
      ...CHANGE_KINDS,
      ...CHANGE_KINDS.map((kind) => `_${kind}`),
      ...[',front', ',behind', ',left', ',right', '_left', '_right', 'change'],
      ...['(', ')', '),', ').', '.', ',', ':', '?'],
      ...['What', 'Where', 'is', 'the', 'object', 'size', 'color', 'material', 'shape', 'at', 'there'],
      ...(text.match(/[A-Za-z]+/g) as string[]),
    ]),
  ];
}
