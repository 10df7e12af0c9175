/**
 * The lessons of visual counting: captions, short questions, small sums, plain counting questions in both looks and, about blocks alone,
 * questions of one step; later worked solutions. The families `subtract-and-add` and `three-hop` are never shown.
 */
import type { Random } from '../../engine/random.js';
import { sampleShortQuestion } from '../../tasks/counting/perception.js';
import { countMatching, matches, solveCounting, TRAINED_FAMILIES } from '../../tasks/counting/program.js';
import { sampleFilter, sampleProgram } from '../../tasks/counting/sample.js';
import { writeCountingSolution } from '../../tasks/counting/solution.js';
import { describeFilter, writeCaption, writeQuestion } from '../../tasks/counting/wording.js';
import { writePrompt } from '../../tasks/prompts.js';
import { drawScene } from '../../tasks/world/ray-cast.js';
import { sampleScene } from '../../tasks/world/sample-scene.js';
import { type Scene, sceneFingerprint } from '../../tasks/world/scene.js';
import { inTags, untidyThinking, WORK_OUT } from './answers.js';
import {
  type Album,
  CAPTION_PROMPTS,
  type Examination,
  firstOf,
  type Lesson,
  type LessonMix,
  type LessonRow,
  type Source,
  type TaskLessons,
} from './lesson.js';
import { sum, writtenSum } from './sums.js';

const BLOCKS: Source<Scene, 'blocks'> = {
  name: 'blocks',
  draw: (random) => sampleScene('blocks', random),
  fingerprint: sceneFingerprint,
};
const VEHICLES: Source<Scene, 'vehicles'> = {
  name: 'vehicles',
  draw: (random) => sampleScene('vehicles', random),
  fingerprint: sceneFingerprint,
};

/** Short questions about a picture. */
const SHORT_QUESTIONS = 4;

function countingRow(random: Random, album: Album, mix: LessonMix): LessonRow {
  const { name, scene } = album.pick(random.chance(mix.vehicles) ? VEHICLES : BLOCKS, random);
  return { images: [album.picture(name, () => drawScene(scene))], lessons: countingLessons(scene, mix, random) };
}

function countingLessons(scene: Scene, { lookups, worked }: LessonMix, random: Random): Lesson[] {
  const lessons: Lesson[] = [captionLesson(scene)];
  for (let i = 0; i < lookups; i++) {
    lessons.push(classLesson(scene, random), writtenSum(sum(random.int(9), '+', random.range(1, 4))));
  }
  for (let i = 0; i < SHORT_QUESTIONS; i++) {
    const { question, answer } = sampleShortQuestion(scene, random);
    const style = /^How many/.test(question) && random.chance(0.5) ? 'direct' : 'bare';
    lessons.push({ question: writePrompt(question, style), answer });
  }
  const [a, b] = [random.int(13), random.int(8)];
  const plus = random.chance(0.4) || a < b;
  lessons.push(sum(a, plus ? '+' : '-', b));
  if (scene.look === 'blocks' && random.chance(0.4)) {
    const program = sampleProgram(random.choice(['count', 'addition', 'subtract-all'] as const), scene, random);
    const question = writePrompt(writeQuestion(program), 'direct');
    lessons.push({ question, answer: String(solveCounting(program, scene)) });
  }
  if (random.chance(0.35)) {
    const program = sampleProgram('count', scene, random);
    const count = String(solveCounting(program, scene));
    const remark = random.chance(0.5) ? firstOf(writeCaption(scene)) : `objects: ${count}.`;
    const question = writePrompt(writeQuestion(program), 'think');
    lessons.push({ question, answer: untidyThinking(remark, count, random) });
  }
  for (let i = 0; i < worked; i++) lessons.push(...workedLessons(scene, random));
  return lessons;
}

function captionLesson(scene: Scene): Lesson {
  return { question: CAPTION_PROMPTS.only, answer: writeCaption(scene) };
}

/** A question worked out, and another answered with tags: the hasty answer is the count before anything changes. */
function workedLessons(scene: Scene, random: Random): Lesson[] {
  const [worked, asked] = [0, 1].map(() => sampleProgram(random.choice(TRAINED_FAMILIES), scene, random));
  const solution = writeCountingSolution(asked!, scene);
  const tagged = inTags(
    { solution, answer: String(solveCounting(asked!, scene)) },
    { remark: firstOf(writeCaption(scene)), answer: String(countMatching(scene, asked!.ask)) },
    random,
  );
  return [
    { question: `${writeQuestion(worked!)} ${WORK_OUT}`, answer: writeCountingSolution(worked!, scene) },
    { question: writePrompt(writeQuestion(asked!), 'think'), answer: tagged },
  ];
}

/** The objects of a class, one by one in reading order, without their number. */
function classLesson(scene: Scene, random: Random): Lesson {
  const filter = sampleFilter(scene, random);
  const objects = scene.objects.filter((object) => matches(object, filter));
  const named = describeFilter(filter);
  return {
    question: `Describe the ${named}.`,
    answer: `${named}: ${objects.length === 0 ? '0.' : writeCaption({ ...scene, objects })}`,
  };
}

function examine(source: Source<Scene>, random: Random): Examination {
  const scene = source.draw(random);
  return {
    images: [drawScene(scene)],
    fingerprint: source.fingerprint(scene),
    caption: captionLesson(scene),
    short: sampleShortQuestion(scene, random),
  };
}

export const COUNTING_LESSONS = {
  task: 'counting',
  sources: [BLOCKS, VEHICLES],
  kinds: { counting: countingRow },
  looks: {
    blocks: (random: Random) => examine(BLOCKS, random),
    vehicles: (random: Random) => examine(VEHICLES, random),
  },
  texts: [],
} satisfies TaskLessons;
