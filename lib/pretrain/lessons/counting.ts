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
  firstNamedObject,
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

/** The number of short questions about a picture. */
const SHORT_QUESTIONS = 4;

function countingRow(random: Random, album: Album, mix: LessonMix): LessonRow {
  const { name, scene } = album.pick(random.chance(mix.vehicles) ? VEHICLES : BLOCKS, random);
  return { images: [album.picture(name, () => drawScene(scene))], lessons: countingLessons(scene, mix, random) };
}

function countingLessons(scene: Scene, { lookups, worked, workedInTags }: LessonMix, random: Random): Lesson[] {
  const lessons: Lesson[] = [captionLesson(scene)];
  for (let i = 0; i < lookups; i++) {
    lessons.push(classLesson(scene, random), writtenSum(sum(random.int(9), '+', random.range(1, 4))));
  }
  for (let i = 0; i < SHORT_QUESTIONS; i++) {
    const { question, answer } = sampleShortQuestion(scene, random);
    const style = /^How many/.test(question) && random.chance(0.5) ? 'direct' : 'bare';
    lessons.push({ question: writePrompt(question, style), answer });
  }
  const [left, right] = [random.int(13), random.int(8)];
  const isAddition = random.chance(0.4) || left < right;
  lessons.push(sum(left, isAddition ? '+' : '-', right));
  if (scene.look === 'blocks' && random.chance(0.4)) {
    const program = sampleProgram(random.choice(['count', 'addition', 'subtract-all'] as const), scene, random);
    const question = writePrompt(writeQuestion(program), 'direct');
    lessons.push({ question, answer: String(solveCounting(program, scene)) });
  }
  if (random.chance(0.35)) {
    const program = sampleProgram('count', scene, random);
    const count = String(solveCounting(program, scene));
    const remark = random.chance(0.5) ? firstNamedObject(writeCaption(scene)) : `objects: ${count}.`;
    const question = writePrompt(writeQuestion(program), 'think');
    lessons.push({ question, answer: untidyThinking(remark, count, random) });
  }
  for (let i = 0; i < worked; i++) lessons.push(...workedLessons(scene, workedInTags, random));
  return lessons;
}

function captionLesson(scene: Scene): Lesson {
  return { question: CAPTION_PROMPTS.only, answer: writeCaption(scene) };
}

/** A question that is worked out, and another that is answered with tags. The hasty answer is the count before anything changes. */
function workedLessons(scene: Scene, workedInTags: number, random: Random): Lesson[] {
  const [workedProgram, taggedProgram] = [0, 1].map(() =>
    sampleProgram(random.choice(TRAINED_FAMILIES), scene, random),
  );
  const solution = writeCountingSolution(taggedProgram!, scene);
  const tagged = inTags(
    { solution, answer: String(solveCounting(taggedProgram!, scene)) },
    { remark: firstNamedObject(writeCaption(scene)), answer: String(countMatching(scene, taggedProgram!.ask)) },
    workedInTags,
    random,
  );
  return [
    { question: `${writeQuestion(workedProgram!)} ${WORK_OUT}`, answer: writeCountingSolution(workedProgram!, scene) },
    { question: writePrompt(writeQuestion(taggedProgram!), 'think'), answer: tagged },
  ];
}

/** The objects of a class, one by one in reading order, without their number. */
function classLesson(scene: Scene, random: Random): Lesson {
  const filter = sampleFilter(scene, random);
  const objects = scene.objects.filter((object) => matches(object, filter));
  const className = describeFilter(filter);
  return {
    question: `Describe the ${className}.`,
    answer: `${className}: ${objects.length === 0 ? '0.' : writeCaption({ ...scene, objects })}`,
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
  sources: [BLOCKS, VEHICLES],
  kinds: { counting: countingRow },
  looks: {
    blocks: (random: Random) => examine(BLOCKS, random),
    vehicles: (random: Random) => examine(VEHICLES, random),
  },
  furtherScenes: () => [],
  texts: [],
} satisfies TaskLessons;
