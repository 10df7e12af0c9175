/** Short questions about one image of the board. A base model learns these before it compares two. */
import type { Random } from '../../engine/random.js';
import type { Scene } from '../world/scene.js';
import { placeOf } from './program.js';

/** Draws one question: where an object is, or an attribute of the object at a place. */
export function sampleGridQuestion(scene: Scene, random: Random): { question: string; answer: string } {
  const object = random.choice(scene.objects);
  const place = placeOf(object).join(' ');
  if (random.chance(0.5)) {
    const { size, color, material, shape } = object;
    return { question: `Where is the ${size} ${color} ${material} ${shape}?`, answer: place };
  }
  const asked = random.choice(['size', 'color', 'material', 'shape'] as const);
  return { question: `What ${asked} is the object at ${place}?`, answer: object[asked] };
}
