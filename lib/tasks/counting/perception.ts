/** Short questions about a scene, which one look answers. A base model learns these before any reasoning. */
import type { Random } from '../../engine/random.js';
import type { Scene } from '../world/scene.js';
import { countMatching, type Filter, matches } from './program.js';
import { sampleFilter } from './sample.js';
import { describeFilter } from './wording.js';

export interface ShortQuestion {
  question: string;
  answer: string;
}

const ASKED = { size: 'What size', color: 'What color', material: 'What material', shape: 'What shape' } as const;

/** Draws one question: how many there are, whether there is one, or an attribute of an object that its other attributes single out. */
export function sampleShortQuestion(scene: Scene, random: Random): ShortQuestion {
  const kind = random.uniform();
  if (kind < 0.1) return { question: 'How many objects are there?', answer: String(scene.objects.length) };
  const filter = sampleFilter(scene, random);
  if (kind < 0.6) {
    return { question: `How many ${describeFilter(filter)} are there?`, answer: String(countMatching(scene, filter)) };
  }
  if (kind < 0.75) {
    // Half of these questions are about something that is not there; otherwise "yes" would be a good guess.
    const there = random.chance(0.5);
    let wanted = filter;
    while (countMatching(scene, wanted) > 0 !== there) wanted = sampleFilter(scene, random);
    return { question: `Is there a ${describeFilter(wanted, false)}?`, answer: there ? 'yes' : 'no' };
  }
  return attributeQuestion(scene, random) ?? sampleShortQuestion(scene, random);
}

function attributeQuestion(scene: Scene, random: Random): ShortQuestion | undefined {
  const object = random.choice(scene.objects);
  const asked = random.choice(['size', 'color', 'material', 'shape'] as const);
  const others = random.shuffle((['size', 'color', 'material', 'shape'] as const).filter((name) => name !== asked));
  const filter: Filter = {};
  for (const name of others) {
    Object.assign(filter, { [name]: object[name] });
    if (scene.objects.filter((other) => matches(other, filter)).length === 1) {
      return { question: `${ASKED[asked]} is the ${describeFilter(filter, false)}?`, answer: object[asked] };
    }
  }
  return undefined;
}

/** The words of these questions beyond the counting task's own. */
export const PERCEPTION_WORDS = [
  'What',
  'size',
  'color',
  'material',
  'shape',
  'is',
  'the',
  'Is',
  'there',
  'a',
  'yes',
  'no',
  '?',
];
