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

/**
 * The rationale: object by object where it stands, where it went if it moved, how it is listed and how it looks now, and the calls
 * that follow, such as
 * "0 1 2: small red metal cube to small blue metal cube. change_color(0,blue). 1 0 3 to 2 3: large red rubber sphere to large red
 * rubber sphere. change_position(1,right)."
 */
export function writeTransformationRationale(scenes: TransformationScenes): string {
  const changes = solveTransformation(scenes);
  const look = ({ size, color, material, shape }: Attributes) => `${size} ${color} ${material} ${shape}`;
  return scenes.initial.objects
    .flatMap((before, object) => {
      const after = scenes.final.objects[object]!;
      const [was, is] = [placeOf(before), placeOf(after)].map((place) => place.join(' '));
      const calls = changes.filter((change) => change.object === object).map((change) => `${writeCall(change)}.`);
      return [`${object} ${was}${was === is ? '' : ` to ${is}`}: ${look(before)} to ${look(after)}.`, ...calls];
    })
    .join(' ');
}

/** A rationale's answer, or in words why there is none. */
export type Rederived = { answer: string } | { reason: string };

/** An object as a rationale tells it: "0 1 2 to 3 2: small red metal cube to small blue metal cube". */
const TOLD = /^(\d+) (\d \d)(?: to (\d \d))?: (\w+) (\w+) (\w+) (\w+) to (\w+) (\w+) (\w+) (\w+)$/;
type Looks = { [kind in Exclude<ChangeKind, 'position'>]: string };

/** Re-derives the answer from the rationale and the question's list of initial objects alone. */
export function rederiveTransformation(cot: string, problem: string): Rederived {
  const objects = readInitialObjects(problem);
  const parts = cot.split('.').map((part) => part.trim());
  if (parts.pop() !== '') return { reason: 'the rationale does not end with a full stop' };
  const calls: string[] = [];
  for (const [object, listed] of objects.entries()) {
    const sentence = parts.shift() ?? '';
    const match = TOLD.exec(sentence);
    if (!match || Number(match[1]) !== object) return { reason: `'${sentence}' does not tell of object ${object}` };
    const [, , was, moved, ...told] = match;
    const [before, is] = [told.slice(0, 4), told.slice(4)].map(
      ([size, color, material, shape]) => ({ size, color, material, shape }) as Looks,
    ) as [Looks, Looks];
    for (const kind of CHANGE_KINDS) {
      if (kind !== 'position' && before[kind] !== listed[kind])
        return { reason: `'${sentence}': object ${object} is listed as ${listed[kind]}, not ${before[kind]}` };
      const value = kind === 'position' ? direction(was!, moved ?? was!) : changed(kind, listed[kind], is[kind]);
      if (value === undefined) continue;
      if (typeof value !== 'string') return { reason: `'${sentence}': ${value.reason}` };
      const call = writeCall({ object, kind, value });
      const stated = parts.shift() ?? '';
      if (stated !== call) return { reason: `'${sentence}' makes ${call}, not '${stated}'` };
      calls.push(call);
    }
  }
  if (parts.length > 0) return { reason: `'${parts[0]}' comes after the last object` };
  if (calls.length === 0) return { reason: 'the rationale names no change' };
  return { answer: calls.join(', ') };
}

/** The value that is new; undefined where it is the one listed. */
function changed(
  kind: Exclude<ChangeKind, 'position'>,
  listed: string,
  is: string,
): string | undefined | { reason: string } {
  if (!(CHANGE_VALUES[kind] as readonly string[]).includes(is)) return { reason: `${is} is not a ${kind}` };
  return is === listed ? undefined : is;
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
