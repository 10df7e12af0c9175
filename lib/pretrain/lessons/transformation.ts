/**
 * The lessons of spatial transformation. Pairs of unrelated scenes, the second from any of the three cameras, teach to read each picture
 * for itself; how a call is written is taught apart. Rows of one change, seen from the centre twice, show what a change is. Rows of up to
 * four changes from any side, as the task asks them, come with worked solutions.
 */
import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { sampleGridQuestion } from '../../tasks/transformation/perception.js';
import {
  CHANGE_KINDS,
  CHANGE_VALUES,
  placeOf,
  type Transformation,
  type TransformationScenes,
  writeCall,
} from '../../tasks/transformation/program.js';
import {
  drawGridScene,
  type GridView,
  PLACES,
  sampleGridScene,
  sampleTransformationRecord,
  seenFrom,
  transformationFingerprint,
} from '../../tasks/transformation/sample.js';
import { writeTransformationSolution } from '../../tasks/transformation/solution.js';
import {
  writeTransformationCaption,
  writeTransformationPrompt,
  writeTransformationQuestion,
} from '../../tasks/transformation/wording.js';
import type { Scene } from '../../tasks/world/scene.js';
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

/** Single scenes, which can be seen from any side. */
const GRID: Source<Scene, 'grid'> = {
  name: 'grid',
  draw: (random) => sampleGridScene(random, random.range(2, 6)),
  fingerprint: fingerprintAlone,
};
/** Rows of one change, both pictures from the centre. */
const CHANGE: Source<TaskRecord, 'change'> = {
  name: 'change',
  draw: (random) => sampleTransformationRecord('id', 'change', random, { level: 1 }),
  fingerprint: (record) => transformationFingerprint(scenesOf(record)),
};
/** Rows as the task asks them: of one to four changes, the second picture from any of the three cameras. */
const TRANSFORMED: Source<TaskRecord, 'transformed'> = {
  name: 'transformed',
  draw: (random) => sampleTransformationRecord(random.choice(['id', 'ood-left', 'ood-right']), 'transformed', random),
  fingerprint: (record) => transformationFingerprint(scenesOf(record)),
};

function scenesOf({ scene }: TaskRecord): TransformationScenes {
  return scene as TransformationScenes;
}

/** The fingerprint of a scene that stands alone. */
function fingerprintAlone(scene: Scene): string {
  return transformationFingerprint({ initial: scene, final: scene });
}

/** Two scenes that have nothing to do with each other. */
function pairRow(random: Random, album: Album, { side, lookups }: LessonMix): LessonRow {
  const [first, second] = [album.pick(GRID, random), album.pick(GRID, random)];
  const view: GridView = random.chance(side) ? random.choice(['left', 'right'] as const) : 'center';
  const images = [
    album.picture(`${first.name} center`, () => drawGridScene(first.scene)),
    album.picture(`${second.name} ${view}`, () => drawGridScene(seenFrom(second.scene, view))),
  ];
  return { images, lessons: pairLessons([first.scene, second.scene], lookups, random) };
}

/** One change, seen from the centre before and after. */
function changeRow(random: Random, album: Album, { lookups }: LessonMix): LessonRow {
  const { record, images } = pickRecord(CHANGE, random, album);
  return { images, lessons: changeLessons(record, lookups, random) };
}

/** Several changes, seen from any side. */
function transformedRow(random: Random, album: Album, mix: LessonMix): LessonRow {
  const { record, images } = pickRecord(TRANSFORMED, random, album);
  return { images, lessons: transformedLessons(record, mix, random) };
}

function pickRecord(source: Source<TaskRecord>, random: Random, album: Album) {
  const { name, scene: record } = album.pick(source, random);
  const { initial, final } = scenesOf(record);
  const images = [
    album.picture(`${name} initial`, () => drawGridScene(initial)),
    album.picture(`${name} final`, () => drawGridScene(final)),
  ];
  return { record, images };
}

/** Each of two unrelated scenes is described and asked about for itself. */
function pairLessons(scenes: readonly [Scene, Scene], lookups: number, random: Random): Lesson[] {
  const lessons: Lesson[] = [];
  for (const [i, which] of (['first', 'second'] as const).entries()) {
    const scene = scenes[i]!;
    lessons.push(captionLesson(scene, which), shortLesson(scene, which, random));
    for (let n = 0; n < lookups; n++) lessons.push(placeLesson(scene, which, random));
  }
  lessons.push(callLesson(random));
  for (let n = 0; n < lookups; n++) lessons.push(listLesson(scenes[0], random));
  return lessons;
}

function changeLessons(record: TaskRecord, lookups: number, random: Random): Lesson[] {
  const { problem, answer } = record;
  const { initial, final } = scenesOf(record);
  const lessons: Lesson[] = [
    captionLesson(initial, 'first'),
    captionLesson(final, 'second'),
    { question: writeTransformationPrompt(problem, 'direct'), answer },
    callLesson(random),
  ];
  if (random.chance(0.7)) {
    const text = untidyThinking(firstNamedObject(writeTransformationCaption(final)), answer, random);
    lessons.push({ question: writeTransformationPrompt(problem, 'think'), answer: text });
  }
  lessons.push(...lookupLessons(record, lookups, random));
  return lessons;
}

/** The question, once worked out and once answered with tags. The hasty answer names the first change alone. */
function transformedLessons(
  record: TaskRecord,
  { lookups, worked, workedInTags }: LessonMix,
  random: Random,
): Lesson[] {
  const { problem, answer, program } = record;
  const scenes = scenesOf(record);
  const solution = writeTransformationSolution(scenes);
  const lessons = lookupLessons(record, lookups, random);
  for (let n = 0; n < worked; n++) {
    const hasty = {
      remark: firstNamedObject(writeTransformationCaption(scenes.final)),
      answer: writeCall((program as Transformation[])[0]!),
    };
    lessons.push(
      { question: `${problem} ${WORK_OUT}`, answer: solution },
      {
        question: writeTransformationPrompt(problem, 'think'),
        answer: inTags({ solution, answer }, hasty, workedInTags, random),
      },
    );
  }
  return lessons;
}

/** Questions about both pictures of a row, and about its list of objects. */
function lookupLessons(record: TaskRecord, lookups: number, random: Random): Lesson[] {
  const { initial, final } = scenesOf(record);
  const lessons: Lesson[] = [];
  for (let n = 0; n < lookups; n++) {
    lessons.push(
      placeLesson(initial, 'first', random),
      placeLesson(final, 'second', random),
      listLesson(initial, random),
    );
  }
  return lessons;
}

function captionLesson(scene: Scene, which: 'first' | 'second'): Lesson {
  return { question: CAPTION_PROMPTS[which], answer: writeTransformationCaption(scene) };
}

/** A short question about one of two pictures. */
function shortLesson(scene: Scene, which: 'first' | 'second', random: Random): Lesson {
  const { question, answer } = sampleGridQuestion(scene, random);
  return { question: question.replace('?', ` in the ${which} image?`), answer };
}

/** Asks where an object of the question's list stands in the first image. */
function listLesson(initial: Scene, random: Random): Lesson {
  const object = random.int(initial.objects.length);
  const list = writeTransformationQuestion(initial).replace('What has changed?', '');
  return {
    question: `${list}Where is object ${object}?`,
    answer: `${object} ${placeOf(initial.objects[object]!).join(' ')}.`,
  };
}

/** Every place of the board, as texts name it. */
const PLACE_NAMES: readonly string[] = PLACES.map((place) => place.join(' '));

/** Asks for the object at a place, or for the place of an object. Now and then the place is empty. */
function placeLesson(scene: Scene, which: 'first' | 'second', random: Random): Lesson {
  const { size, color, material, shape, ...object } = random.choice(scene.objects);
  const look = `${size} ${color} ${material} ${shape}`;
  const place = placeOf(object).join(' ');
  if (random.chance(0.5)) return { question: `Where is the ${look} in the ${which} image?`, answer: place };
  const taken = new Set(scene.objects.map((other) => placeOf(other).join(' ')));
  const empty = PLACE_NAMES.filter((name) => !taken.has(name));
  const placeAsked = random.chance(0.15) ? random.choice(empty) : place;
  return {
    question: `What is the object at ${placeAsked} in the ${which} image?`,
    answer: placeAsked === place ? `${look}.` : 'no object.',
  };
}

/** Asks for a call in the notation of the task. */
function callLesson(random: Random): Lesson {
  const kind = random.choice(CHANGE_KINDS);
  const call = { object: random.int(6), kind, value: random.choice(CHANGE_VALUES[kind] as readonly string[]) };
  return { question: `Write the call: object ${call.object} ${kind} ${call.value}`, answer: writeCall(call) };
}

/** Asks about the second of two pictures, as that one may be seen from any side. */
function examine(view: GridView, random: Random): Examination {
  const [other, scene] = [GRID.draw(random), GRID.draw(random)];
  return {
    images: [drawGridScene(other), drawGridScene(seenFrom(scene, view))],
    fingerprint: GRID.fingerprint(scene),
    caption: captionLesson(scene, 'second'),
    short: shortLesson(scene, 'second', random),
  };
}

export const TRANSFORMATION_LESSONS = {
  sources: [GRID, CHANGE, TRANSFORMED],
  kinds: { pair: pairRow, change: changeRow, transformed: transformedRow },
  looks: {
    center: (random: Random) => examine('center', random),
    left: (random: Random) => examine('left', random),
    right: (random: Random) => examine('right', random),
  },
  // A row is known by its initial scene.
  furtherScenes: (record: TaskRecord) => [fingerprintAlone(scenesOf(record).final)],
  texts: [
    'in the first image? in the second image?',
    `Write the call: object ${CHANGE_KINDS.join(' ')} ${CHANGE_VALUES.position.join(' ')}`,
  ],
} satisfies TaskLessons;
