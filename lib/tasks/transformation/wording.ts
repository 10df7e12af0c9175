/** The words of spatial transformation: questions, prompts and captions. */
import type { PromptStyle } from '../prompts.js';
import { cameraFrame } from '../world/camera.js';
import type { Attributes, Scene } from '../world/scene.js';
import { CHANGE_KINDS, CHANGE_VALUES, placeOf } from './program.js';

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
 * The caption: objects with their places, from the far side of the picture to the near one and from left to right, as this camera sees
 * them, such as "small red metal cube 1 4, ..."
 */
export function writeTransformationCaption(scene: Scene): string {
  const { right } = cameraFrame(scene.camera);
  const rounded = (v: number) => Math.round(v * 10) / 10;
  const placed = scene.objects.map((object) => ({
    object,
    across: rounded(object.x * right[0] + object.y * right[1]),
    away: rounded(object.y * right[0] - object.x * right[1]),
  }));
  placed.sort((a, b) => b.away - a.away || a.across - b.across);
  const listed = placed.map(({ object: o }) => `${o.size} ${o.color} ${o.material} ${o.shape} ${placeOf(o).join(' ')}`);
  return `${listed.join(', ')}.`;
}

/**
 * Every word and mark of this task's questions, prompts, captions, short questions and solutions, beside digits. A call splits as
 * change|_color|(|0|,red|), so the second part of a name carries its underscore, and a value its comma.
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
