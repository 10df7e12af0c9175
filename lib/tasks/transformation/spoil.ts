/** Rows of spatial transformation as a careless annotator would leave them. */

import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { withoutRationale, writtenTwice } from '../spoil.js';
import { COLORS } from '../world/scene.js';
import { solveTransformation, type TransformationScenes, writeCalls } from './program.js';
import { writeTransformationRationale } from './rationale.js';

/**
 * Spoils a row in one way: a call of the rationale with another value, or for another object; an object seen in a false colour, with a
 * rationale and an answer that follow from that; a wrong answer under a sound rationale; an empty rationale; the row written twice.
 */
export function spoilTransformation(record: TaskRecord, random: Random): TaskRecord[] {
  const { cot } = record;
  const scenes = record.scene as TransformationScenes;
  /** A row whose final image was misread in one object's colour. */
  const misread = () => {
    const object = random.int(scenes.final.objects.length);
    const [was, is] = [scenes.initial, scenes.final].map((scene) => scene.objects[object]!.color);
    const color = random.choice(COLORS.filter((other) => other !== was && other !== is));
    const objects = scenes.final.objects.map((seen, i) => (i === object ? { ...seen, color } : seen));
    const seen = { ...scenes, final: { ...scenes.final, objects } };
    return { cot: writeTransformationRationale(seen), answer: writeCalls(solveTransformation(seen)) };
  };
  switch (random.choice(['value', 'object', 'reading', 'answer', 'empty', 'twice'] as const)) {
    case 'value':
      return [{ ...record, cot: cot.replace(/,(\w+)\)/, (_, value) => `,${value === 'red' ? 'blue' : 'red'})`) }];
    case 'object':
      return [{ ...record, cot: cot.replace(/\((\d+),/, (_, id) => `(${Number(id) + 1},`) }];
    case 'reading':
      return [{ ...record, ...misread() }];
    case 'answer':
      return [{ ...record, answer: misread().answer }];
    case 'empty':
      return withoutRationale(record);
    case 'twice':
      return writtenTwice(record);
  }
}
