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
 * The rationale: for each change what was and what is, then the call, such as
 * "0 color: red to blue. change_color(0,blue). 2 position: 1 2 to 3 2. change_position(2,right)."
 */
export function writeTransformationRationale(scenes: TransformationScenes): string {
  const value = (scene: Scene, object: number, kind: ChangeKind) => {
    const it = scene.objects[object]!;
    return kind === 'position' ? placeOf(it).join(' ') : it[kind];
  };
  return solveTransformation(scenes)
    .map((change) => {
      const { object, kind } = change;
      const [was, is] = [value(scenes.initial, object, kind), value(scenes.final, object, kind)];
      return `${object} ${kind}: ${was} to ${is}. ${writeCall(change)}.`;
    })
    .join(' ');
}

/** A rationale's answer, or in words why there is none. */
export type Rederived = { answer: string } | { reason: string };

/** Re-derives the answer from the rationale and the question's list of initial objects alone. */
export function rederiveTransformation(cot: string, problem: string): Rederived {
  const objects = readInitialObjects(problem);
  const parts = cot.split('.').map((part) => part.trim());
  if (parts.pop() !== '') return { reason: 'the rationale does not end with a full stop' };
  if (parts.length === 0) return { reason: 'the rationale names no change' };
  const calls: string[] = [];
  let last = -1;
  for (let i = 0; i < parts.length; i += 2) {
    const sentence = parts[i]!;
    const match = /^(\d+) (\w+): (.+) to (.+)$/.exec(sentence);
    const kind = CHANGE_KINDS.find((name) => name === match?.[2]);
    if (!match || !kind) return { reason: `'${sentence}' does not say what was and what is` };
    const [object, was, is] = [Number(match[1]), match[3]!, match[4]!];
    const initial = objects[object];
    if (!initial) return { reason: `there is no object ${object} in the question` };
    const order = object * CHANGE_KINDS.length + CHANGE_KINDS.indexOf(kind);
    if (order <= last) return { reason: `'${sentence}' is out of order` };
    last = order;
    const value = kind === 'position' ? direction(was, is) : changed(kind, initial[kind], was, is);
    if (typeof value !== 'string') return { reason: `'${sentence}': ${value.reason}` };
    const call = writeCall({ object, kind, value });
    if (parts[i + 1] !== call) return { reason: `'${sentence}' makes ${call}, not '${parts[i + 1] ?? ''}'` };
    calls.push(call);
  }
  return { answer: calls.join(', ') };
}

function changed(
  kind: Exclude<ChangeKind, 'position'>,
  listed: string,
  was: string,
  is: string,
): string | { reason: string } {
  if (was !== listed) return { reason: `the question says ${listed}` };
  if (was === is) return { reason: 'nothing changes' };
  if (!(CHANGE_VALUES[kind] as readonly string[]).includes(is)) return { reason: `${is} is not a ${kind}` };
  return is;
}

function direction(was: string, is: string): string | { reason: string } {
  const [from, to] = [was, is].map((text) => {
    const place = /^(\d) (\d)$/.exec(text);
    return place ? ([Number(place[1]), Number(place[2])] as Place) : undefined;
  });
  if (!from || !to || !isPlace(from) || !isPlace(to)) return { reason: 'a place is not on the grid' };
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
